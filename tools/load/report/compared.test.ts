import { expect, test } from 'vitest';
import { compared, type Measurement, ratios } from './compared.ts';

const measured = (contestant: Measurement['contestant'], turn: number, p50: number): Measurement => ({
  load: '100/s due',
  contestant,
  turn,
  ...{ perSecond: 100, p50, p99: p50 * 2, cpuPer1000: p50 * 10, switches: 4 },
});
const all = [
  measured('bare hops', 1, 2),
  measured('this version', 1, 4),
  measured('bare hops', 2, 10),
  measured('this version', 2, 10),
  measured('bare hops', 3, 4),
  measured('this version', 3, 6),
];

test('a row is the median of the turns', () => {
  expect(compared(all).rows).toEqual([
    ['100/s due: bare hops', '100', '4', '8', '40', '4'],
    ['100/s due: this version', '100', '6', '12', '60', '4'],
  ]);
});

test('a ratio is that of two measurements of one turn, not of two medians', () => {
  const [table] = ratios([...all, measured('this version', 4, 1_000)]); // a turn that is not complete does not count
  expect(table?.head[0]).toBe('This version to bare hops');
  expect(table?.rows).toEqual([
    ['100/s due', '1 (1 to 1)', '1.50 (1 to 2)', '1.50 (1 to 2)', '1.50 (1 to 2)', '1 (1 to 1)'],
  ]);
});
