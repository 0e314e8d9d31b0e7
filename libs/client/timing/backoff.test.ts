import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Backoff, retransmitDelay } from './backoff.ts';

const unit = fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true });

test('the n-th pause is anywhere up to base * 2^n, and never longer than the longest', () => {
  fc.assert(
    fc.property(fc.array(unit, { minLength: 1, maxLength: 20 }), (randoms) => {
      let at = 0;
      const backoff = new Backoff({ baseMs: 500, maxMs: 30_000 }, () => randoms[at] ?? 0);
      for (; at < randoms.length; at++) {
        const ceiling = Math.min(30_000, 500 * 2 ** at);
        expect(backoff.next()).toBeCloseTo((randoms[at] ?? 0) * ceiling, 5);
      }
    }),
  );
});

test('reset begins anew', () => {
  const backoff = new Backoff({ baseMs: 500, maxMs: 30_000 }, () => 1);
  expect([backoff.next(), backoff.next(), backoff.next()]).toEqual([500, 1000, 2000]);
  backoff.reset();
  expect(backoff.next()).toBe(500);
});

test('the retransmission timeout doubles from 5 s to 60 s, and is never shorter', () => {
  const options = { baseMs: 5000, maxMs: 60_000 };
  const least = [1, 2, 3, 4, 5, 6, 50].map((tries) => retransmitDelay(tries, options, () => 0));
  expect(least).toEqual([5000, 10_000, 20_000, 40_000, 60_000, 60_000, 60_000]);
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 100 }), unit, (tries, random) => {
      const delay = retransmitDelay(tries, options, () => random);
      expect(delay).toBeGreaterThanOrEqual(retransmitDelay(tries, options, () => 0));
      expect(delay).toBeLessThanOrEqual(75_000);
    }),
  );
});
