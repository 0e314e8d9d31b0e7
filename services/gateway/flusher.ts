/** Buffers its writes. */
export interface Flushable {
  /** Writes the buffer. */
  flush(): void;
}

/**
 * Writes all packets of one turn of the event loop to a client in one system call: a batch from the broker
 * brings many small packets for the same client.
 */
export class Flusher {
  #waiting = new Set<Flushable>();

  /** Flushes the client at the end of this turn. */
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
