/** Latencies, microseconds, which a process collects and hands to another one for its histogram. */
export class Samples {
  #values = new Uint32Array(1 << 12);
  #count = 0;

  add(ms: number): void {
    if (this.#count === this.#values.length) {
      const larger = new Uint32Array(this.#count * 2);
      larger.set(this.#values);
      this.#values = larger;
    }
    this.#values[this.#count++] = Math.max(1, Math.round(ms * 1_000));
  }

  /** All since the last time. */
  take(): Uint32Array {
    const taken = this.#values.slice(0, this.#count);
    this.#count = 0;
    return taken;
  }
}
