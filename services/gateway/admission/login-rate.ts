import { TokenBucket } from 'limiter';

/** Addresses that are remembered at most; beyond it the one that was silent for longest is forgotten. */
const MAX_ADDRESSES = 50_000;

const MINUTE_MS = 60_000;

/** Logins by address: a token bucket each, which holds a minute's worth. */
export class LoginRate {
  readonly #perMinute: number;
  readonly #maxAddresses: number;
  /** The one that was silent for longest comes first. */
  readonly #buckets = new Map<string, { bucket: TokenBucket; usedAt: number }>();

  /** @param perMinute 0: no limit */
  constructor(perMinute: number, maxAddresses = MAX_ADDRESSES) {
    this.#perMinute = perMinute;
    this.#maxAddresses = maxAddresses;
  }

  /** Addresses that are remembered. */
  get size(): number {
    return this.#buckets.size;
  }

  /** Takes a token. @returns false when none is left */
  take(address: string, now = Date.now()): boolean {
    if (this.#perMinute === 0) return true;
    const { bucket } = this.#buckets.get(address) ?? { bucket: this.#full() };
    this.#forget(now);
    this.#buckets.delete(address);
    this.#buckets.set(address, { bucket, usedAt: now });
    return bucket.tryRemoveTokens(1);
  }

  #full(): TokenBucket {
    const bucket = new TokenBucket({
      bucketSize: this.#perMinute,
      tokensPerInterval: this.#perMinute,
      interval: MINUTE_MS,
    });
    bucket.content = this.#perMinute;
    return bucket;
  }

  /** After a minute of silence a bucket is full again, and says nothing that a new one would not say. */
  #forget(now: number): void {
    for (const [address, { usedAt }] of this.#buckets) {
      if (now - usedAt < MINUTE_MS && this.#buckets.size < this.#maxAddresses) return;
      this.#buckets.delete(address);
    }
  }
}
