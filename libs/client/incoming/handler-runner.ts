import { ClientError, Skip } from '../errors.ts';
import type { Clock } from '../timing/clock.ts';
import { Deadlines } from '../timing/deadlines.ts';
import type { Failures } from './failures.ts';
import { SerialByKey, type TaskResult } from './serial-by-key.ts';

export interface HandlerRunnerOptions<T> {
  readonly clock: Clock;
  readonly failures: Failures;
  /** How long a handler may take for one item before it is slow, milliseconds. */
  readonly slowHandlerMs: number;
  /** Items of one key are handed on one after the other. */
  readonly key: (item: T) => string;
  readonly name: (item: T) => string;
  /** For people. */
  readonly describe: (item: T) => string;
  /** Calls the application's handler. */
  readonly run: (item: T) => unknown;
  /** @param handled the application has it, or has given it up */
  readonly done: (item: T, handled: boolean) => void;
  /** The handler is slow. `behind` was waiting in the same key, and is out of it now. */
  readonly slow: (item: T, behind: T[]) => void;
  /** A slow handler has ended. */
  readonly unblocked: () => void;
  readonly error: (error: ClientError) => void;
}

/**
 * Hands items to a handler of the application, which may do whatever it likes: throw, answer late, or never. A slow
 * one holds up its own key only, and nothing waits in memory behind it.
 */
export class HandlerRunner<T> {
  readonly #options: HandlerRunnerOptions<T>;
  readonly #tasks: SerialByKey<T>;
  readonly #deadlines: Deadlines<T>;
  readonly #slow = new Set<string>();

  constructor(options: HandlerRunnerOptions<T>) {
    this.#options = options;
    const { clock, slowHandlerMs } = options;
    this.#deadlines = new Deadlines(clock, (item) => this.#late(item));
    this.#tasks = new SerialByKey(
      options.run,
      (item, result) => this.#done(item, result),
      (item) => this.#deadlines.set(item, clock.now() + slowHandlerMs),
    );
  }

  add(item: T): void {
    this.#tasks.add(this.#options.key(item), item);
  }

  /** Whether the handler is slow on an item of this key. */
  isSlow(key: string): boolean {
    return this.#slow.has(key);
  }

  /** Starts no further handler; none is started before the first {@link resume}. */
  pause(): void {
    this.#tasks.pause();
  }

  resume(): void {
    this.#tasks.resume();
  }

  /** Ends it for good. @returns what was waiting; what runs may still end */
  drop(): T[] {
    this.#deadlines.clear();
    return this.#tasks.drop();
  }

  #late(item: T): void {
    const { key, slow, describe, error, slowHandlerMs } = this.#options;
    this.#slow.add(key(item));
    error(
      new ClientError('slow_handler', `the handler takes over ${slowHandlerMs} ms for ${describe(item)}`),
    );
    slow(item, this.#tasks.take(key(item)));
  }

  #done(item: T, result: TaskResult): void {
    const { key, name, failures, done, unblocked } = this.#options;
    this.#deadlines.delete(item);
    const wasSlow = this.#slow.delete(key(item));
    const handled = result.ok || this.#failed(item, result.error);
    if (handled) failures.forget(name(item));
    else failures.failed(name(item));
    done(item, handled);
    if (wasSlow) unblocked();
  }

  /** @returns whether the application wants to hear of it no more */
  #failed(item: T, cause: unknown): boolean {
    const { describe, error } = this.#options;
    const skipped = cause instanceof Skip;
    const what = `the handler ${skipped ? 'gave up' : 'failed on'} ${describe(item)}`;
    error(new ClientError(skipped ? 'skipped' : 'handler', what, { cause }));
    return skipped;
  }
}
