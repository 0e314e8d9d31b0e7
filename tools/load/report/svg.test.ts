import { expect, test } from 'vitest';
import { scaleOf } from './scale.ts';
import { svgOf } from './svg.ts';

const chart = {
  name: 'chart',
  title: 'Latency <p99> & more',
  x: { name: 'messages/s' },
  y: { name: 'ms', logarithmic: true },
};

test('a chart is SVG with its title, its axes, and a line with its name', () => {
  const points = [
    [100, 1],
    [200, 10],
  ] as const;
  const svg = svgOf({ ...chart, lines: ['p50', 'p99'].map((name) => ({ name, points })) });
  expect(svg).toMatch(/^<svg [^]*<\/svg>\s*$/);
  for (const text of ['Latency &lt;p99&gt; &amp; more', 'messages/s', 'ms', 'p50', 'p99', '10', '200'])
    expect(svg).toContain(`>${text}<`);
  // Left 70, right 730 for 0 to 200; bottom 380, top 70 for 1 to 10.
  expect([...svg.matchAll(/<polyline points="([^"]+)"/g)].map(([, places]) => places)).toEqual([
    '400,380 730,70',
    '400,380 730,70',
  ]);
});

test('a logarithmic axis leaves out zero, and no chart has NaN', () => {
  const lines = [
    {
      name: 'a',
      points: [
        [1, 0],
        [2, NaN],
        [3, 100],
      ] as const,
    },
    { name: 'none', points: [] },
  ];
  const svg = svgOf({ ...chart, lines });
  expect(svg).not.toMatch(/NaN|Infinity/);
  expect(svg.match(/<circle/g)).toHaveLength(1);
  expect(svgOf({ ...chart, lines: [] })).not.toMatch(/NaN|Infinity/);
});

test('a linear scale has round ticks from zero to the highest value', () => {
  expect(scaleOf({ name: 'x' }, [30, 5_400]).ticks).toEqual([0, 1_000, 2_000, 3_000, 4_000, 5_000, 6_000]);
  expect(scaleOf({ name: 'x' }, [0]).at(0)).toBe(0);
});

test('a logarithmic scale has whole powers of ten', () => {
  const scale = scaleOf({ name: 'y', logarithmic: true }, [0.3, 40]);
  expect(scale.ticks).toEqual([0.1, 1, 10, 100]);
  expect(scale.at(0.1)).toBe(0);
  expect(scale.at(100)).toBe(1);
});
