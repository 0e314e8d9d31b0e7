import { expect, test } from 'vitest';
import { Trend } from './trend.ts';

const MIB = 1024 * 1024;

/** One that collects its garbage every ten samples. */
function trendOf(count: number, keptMib: (n: number) => number): Trend {
  const trend = new Trend();
  for (let n = 0; n < count; n++) trend.add((keptMib(n) + (n % 10) * 20) * MIB);
  return trend;
}

test('garbage is no leak, and what fills in the beginning is none', () => {
  expect(trendOf(600, (n) => Math.min(n, 150)).leak).toBeUndefined();
});

test('what is kept and grows is a leak', () => {
  expect(trendOf(600, (n) => n / 2).leak).toEqual({ first: 100 * MIB, last: 200 * MIB });
});

test('a short run says nothing', () => {
  expect(trendOf(60, (n) => n * 10).leak).toBeUndefined();
});
