/** The lease ends after this many lease times without a grant. Routing then declares the incarnation dead. */
const SILENT_LEASES = 2;

/**
 * The lease of one incarnation after the other: whether it holds, and for how long. It counts from the moment it was asked
 * for, on a monotonic clock: an answer that took long grants little.
 */
export class Lease {
  readonly #holdsMs: number;
  readonly #onOverdue: () => void;
  readonly #waiting = new Set<() => void>();
  #presence: string | undefined;
  /** When the latest lease that was granted was asked for, or the first one; milliseconds of performance.now(). */
  #askedAt = 0;
  /** When the latest lease that held ends or ended. */
  #heldUntil = -Infinity;
  #watching: NodeJS.Timeout | undefined;

  /** @param onOverdue nothing was granted for so long that none holds; called again only after watch() */
  constructor(leaseMs: number, onOverdue: () => void) {
    this.#holdsMs = SILENT_LEASES * leaseMs;
    this.#onOverdue = onOverdue;
  }

  get holds(): boolean {
    return this.#presence !== undefined && this.remainingMs > 0;
  }

  /** Of this incarnation. */
  get everGranted(): boolean {
    return this.#presence !== undefined;
  }

  /** Until the lease, or the patience for the first one, is over. */
  get remainingMs(): number {
    return this.#askedAt + this.#holdsMs - performance.now();
  }

  /** For how long no lease has held, of this incarnation or those before; Infinity when there never was one. */
  get missingMs(): number {
    return this.holds ? 0 : performance.now() - this.#heldUntil;
  }

  /** A new incarnation asks for its first one. */
  begin(): void {
    this.#presence = undefined;
    this.#askedAt = performance.now();
    this.watch(this.#holdsMs);
  }

  /** The incarnation is over. */
  end(): void {
    clearTimeout(this.#watching);
    this.#presence = undefined;
    this.#heldUntil = Math.min(this.#heldUntil, performance.now());
  }

  /** @returns whether the sessions must be announced: presence has another name than before */
  granted(presence: string, asked = Infinity): boolean {
    const isNew = presence !== this.#presence;
    this.#presence = presence;
    this.#askedAt = Math.max(this.#askedAt, Math.min(asked, performance.now()));
    if (!this.holds) return isNew;
    this.#heldUntil = this.#askedAt + this.#holdsMs;
    this.watch(this.remainingMs);
    for (const wake of this.#waiting) wake();
    return isNew;
  }

  /** Checks after `afterMs` whether the lease still holds. */
  watch(afterMs: number): void {
    clearTimeout(this.#watching);
    this.#watching = setTimeout(() => {
      if (this.remainingMs > 0) this.watch(this.remainingMs);
      else this.#onOverdue();
    }, afterMs);
  }

  /** Waits up to `withinMs` for a lease. @returns whether there is one */
  async waitUntilHeld(withinMs: number): Promise<boolean> {
    if (this.holds || withinMs <= 0) return this.holds;
    await new Promise<void>((resolve) => {
      const wake = () => {
        clearTimeout(timer);
        this.#waiting.delete(wake);
        resolve();
      };
      const timer = setTimeout(wake, withinMs).unref();
      this.#waiting.add(wake);
    });
    return this.holds;
  }
}
