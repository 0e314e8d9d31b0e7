/**
 * When the messages of an open loop are due: evenly spaced, whatever becomes of earlier ones.
 */
export class Schedule {
  readonly #began: number;
  readonly #everyMs: number;
  #count = 0;

  /** @param ratePerS messages a second */
  constructor(ratePerS: number, began: number) {
    this.#began = began;
    this.#everyMs = 1_000 / ratePerS;
  }

  /** The moment at which the next message is due that has not been taken yet; undefined when that is to come. */
  next(now: number): number | undefined {
    const due = this.#began + this.#count * this.#everyMs;
    if (due > now) return undefined;
    this.#count++;
    return due;
  }
}
