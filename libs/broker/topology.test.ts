import { expect, test } from 'vitest';
import { partitionOf } from './topology.ts';

test('partitionOf is stable across versions: a changed hash would split a user over two partitions', () => {
  expect(['alice', 'bob', 'a0', 'carol@example.org'].map((user) => partitionOf(user, 8)))
    .toMatchInlineSnapshot(`
      [
        2,
        6,
        6,
        4,
      ]
    `);
});

test('partitionOf spreads users evenly', () => {
  const counts = new Array<number>(8).fill(0);
  for (let i = 0; i < 8_000; i++) {
    const p = partitionOf(`user-${i}`, 8);
    counts[p] = (counts[p] ?? 0) + 1;
  }
  expect(Math.min(...counts)).toBeGreaterThan(850);
  expect(Math.max(...counts)).toBeLessThan(1_150);
});
