/** Most names that are kept. */
export const MAX_NAMES = 1_000;

/** Names of the copies that a session has returned. Bounded: when it is full, any copy may have been returned. */
export class ReturnedCopies {
  readonly #names = new Set<string>();
  #full = false;

  add(name: string): void {
    if (this.#names.size >= MAX_NAMES) {
      this.#names.clear();
      this.#full = true;
    }
    if (!this.#full) this.#names.add(name);
  }

  mayHave(name: string): boolean {
    return this.#full || this.#names.has(name);
  }
}
