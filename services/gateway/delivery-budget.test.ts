import { expect, test } from 'vitest';
import type { Delivery } from '#libs/broker/delivery.ts';
import { STALLED_MS, DeliveryBudget } from './delivery-budget.ts';

const MIB = 1024 * 1024;
const delivery = (bytes = MIB) => ({ bytes }) as unknown as Delivery;

function open(limits: Partial<{ prefetch: number; bytes: number }> = {}) {
  const steps: string[] = [];
  const budget = new DeliveryBudget(
    { prefetch: 1_000, bytes: 64 * MIB, ...limits },
    {
      pause: (paused) => steps.push(paused ? 'pause' : 'go on'),
      handOver: () => steps.push('give up'),
    },
  );
  const add = (count: number, bytes?: number) =>
    Array.from({ length: count }, () => {
      const one = delivery(bytes);
      if (budget.fits(one)) budget.add(one, 0);
      return one;
    });
  return { budget, steps, add };
}

test('from 90 % of the prefetch on, the oldest tenth goes back, and next time the next', () => {
  const { budget, add } = open({ prefetch: 100 });
  const all = add(89, 10);
  expect(budget.oldestToShed(0).size).toBe(0);
  all.push(...add(1, 10));
  expect([...budget.oldestToShed(0)]).toEqual(all.slice(0, 9));
  expect([...budget.oldestToShed(0)]).toEqual(all.slice(9, 18));
  budget.settled(all[0] ?? delivery());
  expect(budget.oldestToShed(0).size).toBe(0);
});

test('many bytes go back, too, before nothing more is read; with room again the reading goes on', () => {
  const { budget, steps, add } = open();
  const all = add(38);
  expect(budget.oldestToShed(0).size).toBe(0);
  all.push(...add(1));
  expect(budget.oldestToShed(0).size).toBe(4);
  expect(steps).toEqual([]);
  all.push(...add(13));
  expect(steps).toEqual(['pause']);
  budget.settled(all[0] ?? delivery());
  expect(steps).toEqual(['pause', 'go on']);
});

test('a pause that does not help ends with the heirs', () => {
  const { budget, steps, add } = open();
  add(52);
  budget.oldestToShed(STALLED_MS - 1);
  expect(steps).toEqual(['pause']);
  expect(budget.oldestToShed(STALLED_MS).size).toBe(0);
  budget.oldestToShed(STALLED_MS + 1);
  expect(steps).toEqual(['pause', 'give up']);
});

test('whatever stalls, the limit holds: what has no room is left to the heirs, and so is all behind it', () => {
  const { budget, steps, add } = open();
  add(229);
  expect(budget.bytes).toBe(64 * MIB);
  add(1, 1);
  expect(budget.bytes).toBe(64 * MIB);
  expect(steps).toEqual(['pause', 'give up']);
  budget.clear();
  add(1);
  expect(budget.bytes).toBe(MIB);
});

test('one delivery that is larger than the limit is taken: nobody else would fare better', () => {
  const { budget, steps, add } = open({ bytes: MIB });
  const [large] = add(1, 5 * MIB);
  expect([budget.bytes, steps]).toEqual([5 * MIB, ['pause']]);
  budget.settled(large ?? delivery());
  expect([budget.bytes, steps]).toEqual([0, ['pause', 'go on']]);
});
