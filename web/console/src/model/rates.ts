import type { Buckets, Counters, Overview, Part } from './answers.ts';

/** What happened between two answers, and what is so at the second. */
export interface Point {
  at: number;
  /** A second, over all processes. */
  rates: Counters;
  sessions: number;
  memoryBytes: number;
  /** Shares of one CPU, by address of the process. */
  cpu: Record<string, number>;
  accept: Latency;
  confirm: Latency;
}

/** Seconds; null when nothing was measured. */
export interface Latency {
  p50: number | null;
  p99: number | null;
}

const NO_COUNTS: Counters = {
  ...{ accepted: 0, confirmed: 0, live: 0, stored: 0 },
  ...{ rejected: 0, errors: 0, dead: 0, events: 0 },
};

/** The points between answers that follow each other. */
export function pointBetween(before: Overview, now: Overview): Point {
  const seconds = Math.max(0.001, (now.at - before.at) / 1_000);
  const earlier = new Map(before.parts.map((part) => [part.http, part]));
  const pairs = now.parts.map((part) => [baseOf(earlier.get(part.http), part), part] as const);
  const rates = { ...NO_COUNTS };
  for (const [base, part] of pairs)
    for (const name of Object.keys(rates) as (keyof Counters)[])
      rates[name] += growth(base?.figures?.counters[name], part.figures?.counters[name]) / seconds;
  const cpu = pairs.map(([base, part]) => [
    part.http,
    growth(base?.figures?.cpuSeconds, part.figures?.cpuSeconds) / seconds,
  ]);
  const latency = (name: 'accept' | 'confirm'): Latency => {
    const grown = sum(
      pairs.map(([base, part]) =>
        grownBuckets(base?.figures?.latencies[name], part.figures?.latencies[name]),
      ),
    );
    return { p50: percentile(grown, 0.5), p99: percentile(grown, 0.99) };
  };
  return {
    at: now.at,
    rates,
    sessions: total(now.parts, ({ figures }) => figures?.sessions),
    memoryBytes: total(now.parts, ({ figures }) => figures?.memoryBytes),
    cpu: Object.fromEntries(cpu) as Record<string, number>,
    accept: latency('accept'),
    confirm: latency('confirm'),
  };
}

export const total = (parts: readonly Part[], of: (part: Part) => number | undefined): number =>
  parts.reduce((sum, part) => sum + (of(part) ?? 0), 0);

/** What to count from: undefined for a process that is seen for the first time, zero for one that began anew. */
function baseOf(before: Part | undefined, now: Part): Part | undefined {
  if (!before?.figures || !now.figures) return undefined;
  if (before.figures.startedAt === now.figures.startedAt) return before;
  const { figures } = before;
  return {
    ...before,
    figures: { ...figures, cpuSeconds: 0, counters: NO_COUNTS, latencies: { accept: [], confirm: [] } },
  };
}

const growth = (before: number | undefined, now: number | undefined): number =>
  before === undefined || now === undefined ? 0 : Math.max(0, now - before);

function grownBuckets(before: Buckets | undefined, now: Buckets | undefined): Buckets {
  if (!before || !now) return [];
  const earlier = new Map(before);
  return now.map(([le, count]) => [le, Math.max(0, count - (earlier.get(le) ?? 0))] as const);
}

function sum(all: readonly Buckets[]): Buckets {
  const counts = new Map<number | null, number>();
  for (const [le, count] of all.flat()) counts.set(le, (counts.get(le) ?? 0) + count);
  return [...counts].toSorted(([a], [b]) => (a ?? Infinity) - (b ?? Infinity));
}

/** As Prometheus' histogram_quantile: linear within a bucket. @returns seconds, null when there is nothing */
export function percentile(buckets: Buckets, share: number): number | null {
  const [, all] = buckets.at(-1) ?? [null, 0];
  if (all === 0) return null;
  let [below, from] = [0, 0];
  for (const [le, count] of buckets) {
    if (count >= share * all) {
      if (le === null) return from; // above the last bound
      return from + ((le - from) * (share * all - below)) / Math.max(1, count - below);
    }
    [below, from] = [count, le ?? from];
  }
  return from;
}
