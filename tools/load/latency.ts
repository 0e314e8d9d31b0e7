import { createHistogram } from 'node:perf_hooks';

/** Quantiles of latencies, milliseconds. */
export type Latency = ReturnType<LatencyHistogram['summary']>;

/** Ten minutes, microseconds. */
const HIGHEST_US = 600_000_000;

/** A histogram with three significant digits at every magnitude (HdrHistogram, which Node brings). */
export class LatencyHistogram {
  readonly #histogram = createHistogram({ lowest: 1, highest: HIGHEST_US, figures: 3 });

  /** @param microseconds at least 1 each */
  add(microseconds: Uint32Array): this {
    for (const value of microseconds) this.#histogram.record(Math.min(value, HIGHEST_US));
    return this;
  }

  summary() {
    const histogram = this.#histogram;
    if (histogram.count === 0) return { count: 0, p50: 0, p90: 0, p99: 0, p999: 0, max: 0 };
    const at = (percentile: number) => histogram.percentile(percentile) / 1_000;
    const { count, max } = histogram;
    return { count, p50: at(50), p90: at(90), p99: at(99), p999: at(99.9), max: max / 1_000 };
  }
}
