import { expect, test } from 'vitest';
import { age, bytes, duration, milliseconds, rate } from './format.ts';

test.each([
  [0, '0 s'],
  [119_000, '119 s'],
  [120_000, '2 min'],
  [7_200_000, '2 h'],
  [172_800_000, '2 d'],
])('%d ms are %s', (ms, text) => {
  expect(duration(ms)).toBe(text);
});

test('numbers have the digits that say something', () => {
  expect([bytes(12), bytes(45_600), bytes(123_456_789)]).toEqual(['12 B', '45.6 kB', '123 MB']);
  expect([rate(0), rate(0.5), rate(12.34), rate(12_345)]).toEqual(['0', '0.50', '12.3', '12,345']);
  expect([milliseconds(null), milliseconds(0.0042), milliseconds(1.5)]).toEqual(['–', '4.2 ms', '1,500 ms']);
  expect(age(null, 5)).toBe('–');
});
