/** Latencies, microseconds, which a process collects and hands to another one for its histogram. */
export class Samples {
  #values: number[] = [];

  add(ms: number): void {
    this.#values.push(Math.max(1, Math.round(ms * 1_000)));
  }

  /** All since the last time. */
  take(): Uint32Array {
    const taken = Uint32Array.from(this.#values);
    this.#values = [];
    return taken;
  }
}
