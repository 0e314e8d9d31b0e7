import type { Unsubscribe } from '../emitter.ts';
import { type ClientError, closedError } from '../errors.ts';

/** The promises that wait for a message. Every one ends: when the client closes, they reject. */
export class Waiters {
  readonly #all = new Set<(error: ClientError) => void>();
  /** Why nothing comes any more. */
  #ended: string | undefined;
  /** Why no message is taken any more either. */
  #refuses: string | undefined;

  get refuses(): boolean {
    return this.#refuses !== undefined;
  }

  /** @throws ClientError `closed` when no message is taken */
  check(): void {
    if (this.#refuses !== undefined) throw closedError(this.#refuses);
  }

  /** @param told called once, with the reason, when the wait is over without a result; at once when it is already */
  add(told: (error: ClientError) => void): Unsubscribe {
    if (this.#ended !== undefined) {
      told(closedError(this.#ended));
      return () => undefined;
    }
    this.#all.add(told);
    return () => {
      this.#all.delete(told);
    };
  }

  /** Nothing comes any more, until {@link resume}. */
  end(reason: string): void {
    this.#ended = reason;
    const all = [...this.#all];
    this.#all.clear();
    for (const told of all) told(closedError(reason));
  }

  /** No message is taken any more, until {@link resume}: nothing could come of it. */
  refuse(reason: string): void {
    this.#refuses = reason;
  }

  resume(): void {
    this.#ended = undefined;
    this.#refuses = undefined;
  }
}
