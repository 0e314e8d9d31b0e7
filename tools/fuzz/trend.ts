/** Fewer say nothing: a process that has just started still fills its caches. */
const FEWEST = 120;
/** What a heap may gain that nobody leaks: the collector is late, and caches fill. */
const ALLOWED_RATIO = 1.5;
const ALLOWED_BYTES = 32 * 1024 * 1024;

/**
 * Whether memory that is sampled again and again grows for good. What is garbage goes with the next collection, so the
 * least that is held in a third of the samples is what is kept.
 */
export class Trend {
  readonly #samples: number[] = [];

  add(bytes: number): void {
    this.#samples.push(bytes);
  }

  /** What was kept at first and at last, if that tells of a leak. The first third does not count: it warms up. */
  get leak(): { first: number; last: number } | undefined {
    if (this.#samples.length < FEWEST) return undefined;
    const third = Math.floor(this.#samples.length / 3);
    const first = Math.min(...this.#samples.slice(third, 2 * third));
    const last = Math.min(...this.#samples.slice(2 * third));
    return last > first * ALLOWED_RATIO + ALLOWED_BYTES ? { first, last } : undefined;
  }
}
