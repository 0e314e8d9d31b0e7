import fc from 'fast-check';
import { expect, test } from 'vitest';
import { RateLimit } from './rate.ts';

test('over any stretch of time it lets through no more than the rate and one burst', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 500 }),
      fc.array(fc.nat(200), { maxLength: 200 }),
      (perS, pauses) => {
        let now = 0;
        let passed = 0;
        const rate = new RateLimit(perS, now);
        for (const pause of pauses) {
          now += pause;
          while (rate.take(now) === 0) passed++;
        }
        expect(passed).toBeLessThanOrEqual(perS + (perS * now) / 1000);
      },
    ),
  );
});

test('says when the next packet may go, and keeps its word', () => {
  const rate = new RateLimit(100, 0);
  let now = 0;
  for (let packet = 0; packet < 100; packet++) expect(rate.take(now)).toBe(0);
  const wait = rate.take(now);
  expect(wait).toBeGreaterThan(9);
  expect(wait).toBeLessThan(12);
  now += wait;
  expect(rate.take(now)).toBe(0);
});

test.each([0, -1, Infinity, NaN])('a rate of %s is none', (perS) => {
  const rate = new RateLimit(perS, 0);
  const waits = Array.from({ length: 10_000 }, () => rate.take(0));
  expect(waits.every((wait) => wait === 0)).toBe(true);
});
