/** How often a key may be answered: enough for a client that repeats itself, too little for a flood. */
const ANSWERS = 10;

/**
 * The answers that a session may give without being rate limited: "an answering receiver is never refused"
 * (PROTOCOL: rate_limited). Only the latest keys are kept, so that a client may repeat an answer; older messages are only
 * counted while they are unanswered.
 */
export class ExpectedAnswers {
  /** How often each may still be answered. */
  #recent = new Map<string, number>();
  /** The previous generation, dropped at once: deleting the oldest entry of a Map one by one is slow. */
  #older: Map<string, number> | undefined;
  readonly #keep: number;
  #unanswered = 0;

  /** @param keep least keys to remember; at most twice as many are */
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

  /** An answer came. @returns whether a message with this key was sent (for older keys: whether any is unanswered) */
  answered(key: string): boolean {
    const known = this.#recent.has(key) ? this.#recent : this.#older;
    const left = known?.get(key);
    if (left !== undefined && left > 0) known?.set(key, left - 1);
    const expected = left === undefined ? this.#unanswered > 0 : left > 0;
    this.#unanswered = Math.max(0, this.#unanswered - 1);
    return expected;
  }
}
