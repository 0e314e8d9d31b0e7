/** How often a name may be answered: enough for a client that repeats itself, too little for a flood. */
const ANSWERS = 10;

/**
 * What a session was sent and may answer without being rate limited: "an answering receiver is never refused"
 * (PROTOCOL: rate_limited). Names are kept for the latest ones only, so that an answer may be repeated; of the older
 * ones it is only known how many were not answered yet.
 */
export class ExpectedAnswers {
  /** How often each may still be answered. */
  #recent = new Map<string, number>();
  /** Those before them, let go all at once: a Map that loses its oldest entry at each turn is slow. */
  #older: Map<string, number> | undefined;
  readonly #keep: number;
  #unanswered = 0;

  /** @param keep names to remember at least; at most twice as many */
  constructor(keep: number) {
    this.#keep = keep;
  }

  sent(key: string): void {
    this.#unanswered++;
    if (this.#recent.size >= this.#keep) {
      this.#older = this.#recent;
      this.#recent = new Map();
    }
    this.#recent.set(key, ANSWERS);
  }

  /** An answer came. @returns whether it names something that was sent, as far as that can be told */
  answered(key: string): boolean {
    const known = this.#recent.has(key) ? this.#recent : this.#older;
    const left = known?.get(key);
    if (left !== undefined && left > 0) known?.set(key, left - 1);
    const expected = left === undefined ? this.#unanswered > 0 : left > 0;
    this.#unanswered = Math.max(0, this.#unanswered - 1);
    return expected;
  }
}
