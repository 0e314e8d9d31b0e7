import { expect, test } from 'vitest';
import { DecisionCache } from './decision-cache.ts';

test('an answer that was asked for anew is the newest', () => {
  const cache = new DecisionCache(1_000, 3);
  for (const [n, pair] of ['a', 'b', 'c'].entries()) cache.set(pair, true, n);
  cache.set('a', false, 1_000);
  cache.set('d', true, 1_000);
  const known = ['a', 'b', 'c', 'd'].map((pair) => cache.get(pair, 1_000));
  expect(known).toEqual([false, undefined, true, true]);
});

test('what is over makes room by itself', () => {
  const cache = new DecisionCache(1_000, 3);
  for (const pair of ['a', 'b']) cache.set(pair, true, 0);
  cache.set('c', true, 1_000);
  expect(cache.size).toBe(1);
});
