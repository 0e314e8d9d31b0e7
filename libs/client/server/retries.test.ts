import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { HttpError } from './http-error.ts';
import { Retries } from './retries.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const BACKOFF = { baseMs: 100, maxMs: 300 };
const busy = (retryAfterMs?: number) =>
  new HttpError('busy', { code: 'unavailable', status: 503, retryAfterMs });

/** How long the pause after an error is, milliseconds. */
async function pauseOf(retries: Retries, error: Error): Promise<number> {
  const began = Date.now();
  const pause = retries.after(error).then(() => Date.now() - began);
  await vi.runAllTimersAsync();
  return pause;
}

test('pauses double up to the longest, with full jitter', async () => {
  const retries = new Retries({}, BACKOFF, () => 0.5);
  const pauses = [];
  for (let n = 0; n < 4; n++) pauses.push(await pauseOf(retries, busy()));
  expect(pauses).toEqual([50, 100, 150, 150]);
});

test('a Retry-After comes on top, up to a minute', async () => {
  const retries = new Retries({}, BACKOFF, () => 0.5);
  expect(await pauseOf(retries, busy(2_000))).toBe(2_050);
  expect(await pauseOf(retries, busy(3_600_000))).toBe(60_100);
});

test('what no retry helps, and the last try, are thrown without a pause', async () => {
  const retries = new Retries({ retries: 1 }, BACKOFF, () => 0.5);
  const refused = new HttpError('no', { code: 'forbidden', status: 403 });
  await expect(retries.after(refused)).rejects.toBe(refused);
  await expect(retries.after(new RangeError('ours'))).rejects.toThrow(RangeError);
  await pauseOf(retries, busy());
  const last = busy();
  await expect(retries.after(last)).rejects.toBe(last);
  retries.reset();
  expect(await pauseOf(retries, busy())).toBe(50);
});
