import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ManualClock } from '../testing/manual-clock.ts';
import { Deadlines } from './deadlines.ts';

test('each item is due once, never early, at most a slot late, in order', async () => {
  const item = fc.record({ at: fc.nat(2000), moveTo: fc.option(fc.nat(2000)), drop: fc.boolean() });
  await fc.assert(
    fc.asyncProperty(fc.array(item, { maxLength: 40 }), async (items) => {
      const clock = new ManualClock();
      const due: { item: number; at: number }[] = [];
      const deadlines = new Deadlines<number>(clock, (index) => due.push({ item: index, at: clock.now() }));
      items.forEach(({ at }, index) => deadlines.set(index, at));
      items.forEach(({ moveTo, drop }, index) => {
        if (moveTo !== null) deadlines.set(index, moveTo);
        if (drop) deadlines.delete(index);
      });
      await clock.advance(3000);
      const expected = items.flatMap(({ at, moveTo, drop }, index) =>
        drop ? [] : [{ index, at: moveTo ?? at }],
      );
      expect(due.map((entry) => entry.item).sort()).toEqual(expected.map(({ index }) => index).sort());
      for (const { index, at } of expected) {
        const came = due.find((entry) => entry.item === index)?.at;
        expect(came).toBeGreaterThanOrEqual(at);
        expect(came).toBeLessThanOrEqual(at + 50);
      }
      expect(clock.pending).toBe(0);
    }),
    { numRuns: 30 },
  );
});

test('one timer, however many wait; none when the last is taken away', () => {
  const clock = new ManualClock();
  const deadlines = new Deadlines<number>(clock, () => expect.unreachable());
  for (let item = 0; item < 1000; item++) deadlines.set(item, item * 10);
  expect(clock.pending).toBe(1);
  expect(deadlines.has(7)).toBe(true);
  for (let item = 0; item < 1000; item++) deadlines.delete(item);
  expect(deadlines.has(7)).toBe(false);
  expect(clock.pending).toBe(0);
});

test('an item that is set again while it is due is due again', async () => {
  const clock = new ManualClock();
  const times: number[] = [];
  const deadlines = new Deadlines<string>(clock, (item) => {
    times.push(clock.now());
    if (times.length < 3) deadlines.set(item, clock.now() + 100);
  });
  deadlines.set('a', 100);
  await clock.advance(1000);
  expect(times).toEqual([100, 200, 300]);
});
