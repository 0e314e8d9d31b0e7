/** Fewer say nothing: a process that has just started still fills its caches. */
const FEWEST = 120;
/** What a heap may gain that nobody leaks: the collector is late, and caches fill. */
const ALLOWED_RATIO = 1.5;
const ALLOWED_BYTES = 32 * 1024 * 1024;

/**
 * Tells whether memory grows. The next collection takes the garbage, so the smallest sample of a third of all samples is
 * the memory that is kept.
 */
export class Trend {
  readonly #samples: number[] = [];

  add(bytes: number): void {
    this.#samples.push(bytes);
  }

  /** The memory kept at first and at last, if it is a leak. The first third is warm-up and does not count. */
  get leak(): { first: number; last: number } | undefined {
    if (this.#samples.length < FEWEST) return undefined;
    const third = Math.floor(this.#samples.length / 3);
    const first = Math.min(...this.#samples.slice(third, 2 * third));
    const last = Math.min(...this.#samples.slice(2 * third));
    return last > first * ALLOWED_RATIO + ALLOWED_BYTES ? { first, last } : undefined;
  }
}
