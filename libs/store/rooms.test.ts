import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Rooms } from './rooms.ts';

const GOOD_FOR_MS = 5_000;
const message = { to: 'bob', from: 'alice' };

beforeEach(() => vi.useFakeTimers({ toFake: ['performance'] }));
afterEach(() => vi.useRealTimers());

test('a count is good for a while after it was asked for, however long the answer took', () => {
  const rooms = new Rooms({ mailbox: 10, sender: 10 }, GOOD_FOR_MS);
  const asked = performance.now();
  vi.advanceTimersByTime(GOOD_FOR_MS - 1);
  rooms.counted('bob', null, 5, asked);
  expect(rooms.roomy([message])).toEqual(['bob']);
  vi.advanceTimersByTime(1);
  expect(rooms.roomy([message])).toEqual([]);
});

test('what is forgotten stays so, also when an answer that was under way comes later', () => {
  const rooms = new Rooms({ mailbox: 10, sender: 10 }, GOOD_FOR_MS);
  const asked = performance.now();
  rooms.counted('bob', null, 5, asked);
  rooms.forget();
  expect(rooms.roomy([message])).toEqual([]);
  rooms.counted('bob', null, 5, asked);
  expect(rooms.roomy([message])).toEqual([]);
  vi.advanceTimersByTime(1);
  rooms.counted('bob', null, 5, performance.now());
  expect(rooms.roomy([message])).toEqual(['bob']);
});
