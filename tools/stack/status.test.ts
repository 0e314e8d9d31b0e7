import { expect, test } from 'vitest';
import { formatDuration } from './status.ts';

test.each([
  [0.4, '0 s'],
  [59.9, '59 s'],
  [60, '1 min'],
  [61, '1 min 1 s'],
  [3_600 + 59, '1 h'],
  [2 * 86_400 + 5 * 3_600 + 7, '2 d 5 h'],
])('%d seconds are shown as %s', (seconds, text) => {
  expect(formatDuration(seconds)).toBe(text);
});
