/** Something that gathers what it has to write. */
export interface Flushable {
  /** Writes what has gathered. */
  flush(): void;
}

/**
 * Lets what is written to a client in one turn of the event loop leave in one system call: a batch from the broker
 * brings many small packets for the same client.
 */
export class Flusher {
  #waiting = new Set<Flushable>();

  /** Has it flushed at the end of this turn. */
  add(client: Flushable): void {
    if (this.#waiting.size === 0) setImmediate(() => this.#flush());
    this.#waiting.add(client);
  }

  #flush(): void {
    const waiting = this.#waiting;
    this.#waiting = new Set();
    for (const client of waiting) client.flush();
  }
}
