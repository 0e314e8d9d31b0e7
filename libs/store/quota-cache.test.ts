import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { QuotaCache } from './quota-cache.ts';

const GOOD_FOR_MS = 5_000;
const message = { to: 'bob', from: 'alice' };

beforeEach(() => vi.useFakeTimers({ toFake: ['performance'] }));
afterEach(() => vi.useRealTimers());

test('a count is good for a while after it was asked for, however long the answer took', () => {
  const quotaCache = new QuotaCache({ mailbox: 10, sender: 10 }, GOOD_FOR_MS);
  const asked = performance.now();
  vi.advanceTimersByTime(GOOD_FOR_MS - 1);
  quotaCache.recordCount('bob', null, 5, asked);
  expect(quotaCache.receiversWithRoom([message])).toEqual(['bob']);
  vi.advanceTimersByTime(1);
  expect(quotaCache.receiversWithRoom([message])).toEqual([]);
});

test('what is forgotten stays so, also when an answer that was under way comes later', () => {
  const quotaCache = new QuotaCache({ mailbox: 10, sender: 10 }, GOOD_FOR_MS);
  const asked = performance.now();
  quotaCache.recordCount('bob', null, 5, asked);
  quotaCache.forget();
  expect(quotaCache.receiversWithRoom([message])).toEqual([]);
  quotaCache.recordCount('bob', null, 5, asked);
  expect(quotaCache.receiversWithRoom([message])).toEqual([]);
  vi.advanceTimersByTime(1);
  quotaCache.recordCount('bob', null, 5, performance.now());
  expect(quotaCache.receiversWithRoom([message])).toEqual(['bob']);
});
