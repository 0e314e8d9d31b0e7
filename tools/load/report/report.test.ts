import { expect, test } from 'vitest';
import { cpuTable, number } from './format.ts';
import { tableText } from './format.ts';
import { isHeld } from './points.ts';

test('numbers have the digits that mean something', () => {
  const shown = [0, 0.123, 3, 12.345, 123.4, 27_896.4, NaN].map(number);
  expect(shown).toEqual(['0', '0.12', '3', '12.3', '123', '27,896', '–']);
});

test('CPU time is a table with a column for every process that any load has', () => {
  const rows = [
    { name: 'first', cpu: { gateway: 10, load: 1 }, servers: 10 },
    { name: 'second', cpu: { gateway: 20, rabbitmq: 2, load: 1 }, servers: 22 },
  ];
  expect(tableText(cpuTable(rows))).toBe(
    [
      '| CPU ms per 1,000 | servers together | gateway | load | rabbitmq |',
      '| --- | ---: | ---: | ---: | ---: |',
      '| first | 10 | 10 | 1 | – |',
      '| second | 22 | 20 | 1 | 2 |',
    ].join('\n'),
  );
});

test('a rate is held when what was due was done', () => {
  expect(isHeld({ perSecond: 9_999 })).toBe(true);
  expect(isHeld({ rate: 1_000, perSecond: 990 })).toBe(true);
  expect(isHeld({ rate: 1_000, perSecond: 970 })).toBe(false);
});
