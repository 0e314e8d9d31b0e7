import { expect, test } from 'vitest';
import type { Figures, Overview, Part } from './answers.ts';
import { percentile, pointBetween } from './rates.ts';

const figures = (change: Partial<Figures> & { accepted?: number }): Figures => ({
  memoryBytes: 100,
  cpuSeconds: 0,
  startedAt: 1,
  sessions: 3,
  connections: 3,
  inflight: 0,
  sendBufferBytes: 0,
  unackedDeliveries: 0,
  brokerConnected: true,
  databaseConnected: null,
  partitions: [],
  counters: {
    accepted: change.accepted ?? 0,
    ...{ confirmed: 0, live: 0, stored: 0, rejected: 0, errors: 0, dead: 0, events: 0 },
  },
  latencies: { accept: [], confirm: [] },
  ...change,
});
const part = (name: string, of: Figures | null): Part => ({
  name,
  kind: 'gateway',
  http: `http://${name}`,
  state: of ? 'ready' : 'unreachable',
  reasons: [],
  figures: of,
});
const at = (seconds: number, ...parts: Part[]): Overview => ({ at: seconds * 1_000, parts });

test('rates are of all processes together, a second', () => {
  const point = pointBetween(
    at(10, part('a', figures({ accepted: 5, cpuSeconds: 1 })), part('b', figures({ accepted: 100 }))),
    at(12, part('a', figures({ accepted: 25, cpuSeconds: 2 })), part('b', figures({ accepted: 104 }))),
  );
  expect(point.rates.accepted).toBe(12);
  expect(point).toMatchObject({ sessions: 6, memoryBytes: 200, cpu: { 'http://a': 0.5, 'http://b': 0 } });
});

test('a process that began anew counts from zero; one that is new, or was away, from what it has', () => {
  const before = at(0, part('a', figures({ accepted: 1_000 })), part('c', null));
  const anew = part('a', figures({ accepted: 10, startedAt: 2 }));
  const now = at(1, anew, part('b', figures({ accepted: 500 })), part('c', figures({ accepted: 70 })));
  expect(pointBetween(before, now).rates.accepted).toBe(10);
});

test('latencies are those of the interval', () => {
  const accept = (fast: number, slow: number) => ({
    accept: [[0.01, fast] as const, [0.1, fast + slow] as const, [null, fast + slow] as const],
    confirm: [],
  });
  const point = pointBetween(
    at(0, part('a', figures({ latencies: accept(1_000, 0) }))),
    at(1, part('a', figures({ latencies: accept(1_000, 100) }))),
  );
  expect(point.accept.p50).toBeCloseTo(0.055);
  expect(point.confirm).toEqual({ p50: null, p99: null });
});

test.each([
  [[], null],
  [[[null, 0]], null],
  [
    [
      [1, 10],
      [2, 20],
      [null, 20],
    ],
    1,
  ],
  [
    [
      [1, 0],
      [null, 5],
    ],
    1,
  ],
] as const)('the median of %j is %j', (buckets, expected) => {
  expect(percentile(buckets, 0.5)).toBe(expected);
});
