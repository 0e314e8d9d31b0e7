import { expect, test } from 'vitest';
import { MAX_RETRY_AFTER_MS, retryAfterMs } from './retry-after.ts';

const NOW = Date.UTC(2026, 10, 28, 12, 0, 0);

test.each([
  ['0', 0],
  ['7', 7_000],
  [' 7 ', 7_000],
  ['899', 899_000],
  ['901', MAX_RETRY_AFTER_MS],
  ['9'.repeat(400), MAX_RETRY_AFTER_MS],
  ['Sat, 28 Nov 2026 12:00:09 GMT', 9_000],
  ['Saturday, 28-Nov-26 12:00:09 GMT', 9_000],
  ['Sat Nov 28 12:00:09 2026 GMT', 9_000],
  ['Sat, 28 Nov 2026 11:59:59 GMT', 0],
  ['Sun, 28 Nov 2027 12:00:00 GMT', MAX_RETRY_AFTER_MS],
  [null, 0],
  ['', 0],
  ['-5', 0],
  ['1.5', 0],
  ['1e9', 0],
  ['soon', 0],
  ['Sat, 99 Nov 2026', 0],
  ['2027', MAX_RETRY_AFTER_MS], // seconds, and no year
  ['2027-01-01T00:00:00Z', 0],
])('%j', (header, ms) => {
  expect(retryAfterMs(header, NOW)).toBe(ms);
});
