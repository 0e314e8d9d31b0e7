export type Unsubscribe = () => void;

/**
 * Listeners of one kind of event. One that throws does not keep the event from the others; what it threw goes to
 * `threw`.
 */
export class Emitter<T> {
  readonly #listeners = new Set<(event: T) => void>();
  readonly #threw: (error: unknown) => void;

  constructor(threw: (error: unknown) => void) {
    this.#threw = threw;
  }

  get size(): number {
    return this.#listeners.size;
  }

  on(listener: (event: T) => void): Unsubscribe {
    // A wrapper of its own, so that the same function can be subscribed twice and unsubscribed once.
    const own = (event: T) => listener(event);
    this.#listeners.add(own);
    return () => {
      this.#listeners.delete(own);
    };
  }

  emit(event: T): void {
    for (const listener of [...this.#listeners]) {
      try {
        listener(event);
      } catch (error) {
        this.#threw(error);
      }
    }
  }

  clear(): void {
    this.#listeners.clear();
  }
}
