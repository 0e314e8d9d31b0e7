/** Answers of the operator's, by pair of sender and receiver, for a while; a bounded number of them. */
export class DecisionCache {
  readonly #known = new Map<string, { allowed: boolean; until: number }>();
  readonly #ttlMs: number;
  readonly #maxEntries: number;

  constructor(ttlMs: number, maxEntries: number) {
    this.#ttlMs = ttlMs;
    this.#maxEntries = maxEntries;
  }

  get size(): number {
    return this.#known.size;
  }

  get(pair: string, now = Date.now()): boolean | undefined {
    const decision = this.#known.get(pair);
    return decision !== undefined && now < decision.until ? decision.allowed : undefined;
  }

  /** All are kept for the same time, so the oldest is the one that ends first: it makes room. */
  set(pair: string, allowed: boolean, now = Date.now()): void {
    if (this.#ttlMs === 0) return;
    this.#known.delete(pair);
    this.#known.set(pair, { allowed, until: now + this.#ttlMs });
    for (const [oldest, { until }] of this.#known) {
      if (this.#known.size <= this.#maxEntries && now < until) return;
      this.#known.delete(oldest);
    }
  }
}
