import { expect, test } from 'vitest';
import { Verdicts } from './verdicts.ts';

test('an answer that was asked for anew is the newest', () => {
  const verdicts = new Verdicts(1_000, 3);
  for (const [n, pair] of ['a', 'b', 'c'].entries()) verdicts.set(pair, true, n);
  verdicts.set('a', false, 1_000);
  verdicts.set('d', true, 1_000);
  const known = ['a', 'b', 'c', 'd'].map((pair) => verdicts.get(pair, 1_000));
  expect(known).toEqual([false, undefined, true, true]);
});

test('what is over makes room by itself', () => {
  const verdicts = new Verdicts(1_000, 3);
  for (const pair of ['a', 'b']) verdicts.set(pair, true, 0);
  verdicts.set('c', true, 1_000);
  expect(verdicts.size).toBe(1);
});
