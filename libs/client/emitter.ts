import { isThenable } from './thenable.ts';

/** Removes the listener. A second call does nothing. */
export type Unsubscribe = () => void;

/**
 * Listeners of one kind of event. When one throws or rejects, the others still get the event, and `threw` gets the error.
 */
export class Emitter<T> {
  readonly #listeners = new Set<(event: T) => unknown>();
  readonly #threw: (error: unknown) => void;

  constructor(threw: (error: unknown) => void) {
    this.#threw = threw;
  }

  get size(): number {
    return this.#listeners.size;
  }

  on(listener: (event: T) => unknown): Unsubscribe {
    // A new wrapper, so that the same function can be subscribed twice and unsubscribed once.
    const own = (event: T): unknown => listener(event);
    this.#listeners.add(own);
    return () => {
      this.#listeners.delete(own);
    };
  }

  emit(event: T): void {
    for (const listener of [...this.#listeners]) {
      try {
        const result: unknown = listener(event);
        // An asynchronous listener that fails must not end the process as an unhandled rejection.
        if (isThenable(result)) void Promise.resolve(result).catch((error: unknown) => this.#threw(error));
      } catch (error) {
        this.#threw(error);
      }
    }
  }
}
