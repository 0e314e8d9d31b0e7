/** PROTOCOL: a list counts as one packet for a number of receivers. */
const RECEIVERS_PER_PACKET = 10;

/** What a packet for these receivers costs, in packets. */
export const costOf = (receivers: number): number => Math.ceil(receivers / RECEIVERS_PER_PACKET);

/** The gateway's clock and ours differ a little, and pings count too: stay this much below its rate. */
const HEADROOM = 0.98;

/**
 * Token bucket that keeps the client under the gateway's packet rate (`limits.ratePerS`), so that it is not told
 * `rate_limited` in the first place. Its burst is one second's worth; the gateway's own is larger by default.
 */
export class RateLimit {
  readonly #perMs: number;
  readonly #burst: number;
  #tokens: number;
  #at: number;

  /** @param perS packets a second; 0, negative or not finite: no limit */
  constructor(perS: number, now: number) {
    const limited = Number.isFinite(perS) && perS > 0;
    this.#perMs = limited ? (perS * HEADROOM) / 1000 : Infinity;
    this.#burst = limited ? Math.max(1, perS) : Infinity;
    this.#tokens = this.#burst;
    this.#at = now;
  }

  /** Takes tokens for one packet. @param reserve the part of the burst that must be left @returns 0, or in how many milliseconds to ask again */
  take(now: number, cost = 1, reserve = 0): number {
    if (this.#burst === Infinity) return 0;
    const tokens = Math.min(cost, this.#burst); // a costlier packet would wait for ever
    this.#tokens = Math.min(this.#burst, this.#tokens + (now - this.#at) * this.#perMs);
    this.#at = now;
    const needed = tokens + reserve * this.#burst;
    if (this.#tokens < needed) return Math.max(1, (needed - this.#tokens) / this.#perMs);
    this.#tokens -= tokens;
    return 0;
  }
}
