/**
 * What a session was sent and may answer without being rate limited: "an answering receiver is never refused"
 * (PROTOCOL: rate_limited). Names are kept for the latest ones only, so that an answer may be repeated; of the older
 * ones it is only known how many were not answered yet.
 */
export class Owed {
  readonly #recent = new Set<string>();
  readonly #keep: number;
  #unanswered = 0;

  /** @param keep most names to remember */
  constructor(keep: number) {
    this.#keep = keep;
  }

  sent(name: string): void {
    this.#unanswered++;
    this.#recent.delete(name);
    this.#recent.add(name);
    if (this.#recent.size <= this.#keep) return;
    for (const oldest of this.#recent) {
      this.#recent.delete(oldest);
      return;
    }
  }

  /** An answer came. @returns whether it names something that was sent, as far as that can be told */
  answered(name: string): boolean {
    const owed = this.#recent.has(name) || this.#unanswered > 0;
    this.#unanswered = Math.max(0, this.#unanswered - 1);
    return owed;
  }
}
