import { expect, test } from 'vitest';
import { Backoff, pause, within } from './backoff.ts';

test('pauses are spread from zero to a bound that doubles up to the limit', () => {
  const longest = new Backoff({ baseMs: 100, maxMs: 1_000, random: () => 1 });
  expect(Array.from({ length: 6 }, () => longest.next())).toEqual([100, 200, 400, 800, 1_000, 1_000]);
  const shortest = new Backoff({ baseMs: 100, maxMs: 1_000, random: () => 0 });
  expect([shortest.next(), shortest.next()]).toEqual([0, 0]);
});

test('reset begins anew', () => {
  const backoff = new Backoff({ baseMs: 100, maxMs: 1_000, random: () => 1 });
  backoff.next();
  backoff.next();
  backoff.reset();
  expect(backoff.next()).toBe(100);
});

test('a pause ends at once when it is aborted', async () => {
  const stop = new AbortController();
  const waiting = pause(60_000, stop.signal);
  stop.abort();
  await expect(waiting).rejects.toThrow();
});

test('within ends with the promise, or with its failure, or when the time is over', async () => {
  await within(60_000, Promise.resolve());
  await expect(within(60_000, Promise.reject(new Error('no')))).rejects.toThrow('no');
  await within(1, new Promise(() => undefined));
});
