/**
 * The ack:R that were sent on this connection and not answered by ack:A yet: what close() waits for. None is ever sent
 * again: what was not confirmed comes again by itself (PROTOCOL: what a client must do, 4).
 */
export class PendingAcks {
  readonly #open = new Set<string>();
  readonly #settled: () => void;

  /** @param settled called when none is open any more */
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
