/** Something whose writes can be held back for a moment. */
export interface Corkable {
  cork(): void;
  /** Writes what was held back. */
  flush(): void;
}

/**
 * Coalesces what is written to a client in one turn of the event loop into one system call: a batch from the broker
 * brings many small packets for the same client.
 */
export class Corker {
  readonly #corked = new Set<Corkable>();

  /** Call before writing. */
  cork(client: Corkable): void {
    if (this.#corked.has(client)) return;
    if (this.#corked.size === 0) setImmediate(() => this.#flush());
    this.#corked.add(client);
    client.cork();
  }

  #flush(): void {
    const corked = [...this.#corked];
    this.#corked.clear();
    for (const client of corked) client.flush();
  }
}
