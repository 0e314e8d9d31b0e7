import { expect, test } from 'vitest';
import type { Delivery } from '#libs/broker/delivery.ts';
import { STALLED_MS, Unsettled } from './unsettled.ts';

const MIB = 1024 * 1024;
const delivery = (bytes = MIB) => ({ bytes }) as unknown as Delivery;

function open(limits: Partial<{ prefetch: number; bytes: number }> = {}) {
  const steps: string[] = [];
  const unsettled = new Unsettled(
    { prefetch: 1_000, bytes: 64 * MIB, ...limits },
    {
      pause: (paused) => steps.push(paused ? 'pause' : 'go on'),
      giveUp: () => steps.push('give up'),
    },
  );
  const add = (count: number, bytes?: number) =>
    Array.from({ length: count }, () => {
      const one = delivery(bytes);
      if (unsettled.fits(one)) unsettled.add(one, 0);
      return one;
    });
  return { unsettled, steps, add };
}

test('from 90 % of the prefetch on, the oldest tenth goes back, and next time the next', () => {
  const { unsettled, add } = open({ prefetch: 100 });
  const all = add(89, 10);
  expect(unsettled.relief(0).size).toBe(0);
  all.push(...add(1, 10));
  expect([...unsettled.relief(0)]).toEqual(all.slice(0, 9));
  expect([...unsettled.relief(0)]).toEqual(all.slice(9, 18));
  unsettled.settled(all[0] ?? delivery());
  expect(unsettled.relief(0).size).toBe(0);
});

test('many bytes go back, too, before nothing more is read; with room again the reading goes on', () => {
  const { unsettled, steps, add } = open();
  const all = add(38);
  expect(unsettled.relief(0).size).toBe(0);
  all.push(...add(1));
  expect(unsettled.relief(0).size).toBe(4);
  expect(steps).toEqual([]);
  all.push(...add(13));
  expect(steps).toEqual(['pause']);
  unsettled.settled(all[0] ?? delivery());
  expect(steps).toEqual(['pause', 'go on']);
});

test('a pause that does not help ends with the heirs', () => {
  const { unsettled, steps, add } = open();
  add(52);
  unsettled.relief(STALLED_MS - 1);
  expect(steps).toEqual(['pause']);
  expect(unsettled.relief(STALLED_MS).size).toBe(0);
  unsettled.relief(STALLED_MS + 1);
  expect(steps).toEqual(['pause', 'give up']);
});

test('whatever stalls, the limit holds: what has no room is left to the heirs, and so is all behind it', () => {
  const { unsettled, steps, add } = open();
  add(229);
  expect(unsettled.bytes).toBe(64 * MIB);
  add(1, 1);
  expect(unsettled.bytes).toBe(64 * MIB);
  expect(steps).toEqual(['pause', 'give up']);
  unsettled.clear();
  add(1);
  expect(unsettled.bytes).toBe(MIB);
});

test('one delivery that is larger than the limit is taken: nobody else would fare better', () => {
  const { unsettled, steps, add } = open({ bytes: MIB });
  const [large] = add(1, 5 * MIB);
  expect([unsettled.bytes, steps]).toEqual([5 * MIB, ['pause']]);
  unsettled.settled(large ?? delivery());
  expect([unsettled.bytes, steps]).toEqual([0, ['pause', 'go on']]);
});
