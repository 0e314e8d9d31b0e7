import type { Cause } from './gateway-sender.ts';

/** Waits for the publisher confirms of several entries together: it is the cause of each of them. */
export class Confirms implements Cause {
  #left = 1;
  #error: Error | undefined;
  readonly #done = Promise.withResolvers<Error | undefined>();

  hold(): void {
    this.#left += 1;
  }

  settled(error?: Error): void {
    this.#error ??= error;
    if (--this.#left === 0) this.#done.resolve(this.#error);
  }

  /** No entry follows. @returns what failed, once all are settled */
  all(): Promise<Error | undefined> {
    this.settled();
    return this.#done.promise;
  }
}
