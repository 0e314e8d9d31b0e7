import { expect, test } from 'vitest';
import { byOrder } from './order.ts';

test('by seq where both have one, else by at', () => {
  expect(
    [
      { seq: 2, at: 1 },
      { seq: 1, at: 2 },
    ]
      .sort(byOrder)
      .map(({ seq }) => seq),
  ).toEqual([1, 2]);
  expect([{ at: 5 }, { at: 3 }].sort(byOrder)).toEqual([{ at: 3 }, { at: 5 }]);
  expect(byOrder({ at: 5, seq: 1 }, { at: 3 })).toBeGreaterThan(0);
  expect(byOrder({ at: 5, seq: 1 }, { at: 3, seq: 1 })).toBeGreaterThan(0);
});
