/**
 * The ack:R of this connection that have no ack:A yet; close() waits for them. The client never sends one again: a message
 * that was not confirmed comes again (PROTOCOL: what a client must do, 4).
 */
export class PendingAcks {
  readonly #open = new Set<string>();
  readonly #settled: () => void;

  /** @param settled called when none is left */
  constructor(settled: () => void) {
    this.#settled = settled;
  }

  get open(): number {
    return this.#open.size;
  }

  sent(from: string, id: string): void {
    this.#open.add(`${from}/${id}`);
  }

  /** ack:A came, or an error for the ack:R. */
  answered(from: string, id: string): void {
    if (this.#open.delete(`${from}/${id}`) && this.#open.size === 0) this.#settled();
  }

  /** The connection is gone, and their answers with it. */
  offline(): void {
    this.#open.clear();
    this.#settled();
  }
}
