import { expect, test } from 'vitest';
import { LatencyHistogram } from '../latency.ts';
import { Ledger } from './ledger.ts';
import { Schedule } from './schedule.ts';

const due = (schedule: Schedule, now: number): number[] => [...schedule.until(now)];

test('messages are due evenly, whenever one looks', () => {
  const schedule = new Schedule(500, 1_000);
  expect(due(schedule, 1_003)).toEqual([1_000, 1_002]);
  expect(due(schedule, 1_003.9)).toEqual([]);
  expect(due(schedule, 1_008)).toEqual([1_004, 1_006, 1_008]);
});

test('a stall shows in the latency of everything that was due meanwhile', () => {
  const STALL_MS = 1_000;
  const schedule = new Schedule(1_000, 0);
  const ledger = new Ledger();
  // Ten seconds at 1,000/s; each answer takes 1 ms, but for one second nothing moves: not even the load generator.
  for (let now = 0; now < 10_000; now++) {
    if (now === 5_000) now += STALL_MS;
    for (const moment of due(schedule, now)) {
      const number = ledger.open(moment);
      ledger.accepted(number, now + 1);
      ledger.received(number);
      ledger.confirmed(number, now + 1);
    }
  }
  const { count, p50, p90, p99, max } = new LatencyHistogram().add(ledger.latency.confirmed.take()).summary();
  expect(count).toBe(10_000);
  expect(p50).toBeCloseTo(1, 1);
  // A tenth of the messages was due in the stall, and waited half of it on average.
  expect(p90).toBeLessThan(20);
  expect(p99).toBeGreaterThan(0.85 * STALL_MS);
  expect(max).toBeGreaterThan(0.99 * STALL_MS);
});
