import { LineChart } from 'echarts/charts';
import { GridComponent, LegendComponent, TitleComponent } from 'echarts/components';
import { init, use } from 'echarts/core';
import { SVGRenderer } from 'echarts/renderers';
import type { Point } from '../scenarios/loops.ts';

use([LineChart, GridComponent, LegendComponent, TitleComponent, SVGRenderer]);

const SIZE = { width: 760, height: 440 };

/** One line of a chart. */
export interface Line {
  name: string;
  points: readonly (readonly [number, number])[];
}

export interface Axis {
  name: string;
  /** For values of several magnitudes. */
  logarithmic?: boolean;
}

/** A chart of lines as SVG. */
export function chart(title: string, x: Axis, y: Axis, lines: readonly Line[]): string {
  const axis = ({ name, logarithmic }: Axis) => ({
    type: logarithmic === true ? ('log' as const) : ('value' as const),
    name,
    nameLocation: 'middle' as const,
    nameGap: 45,
    scale: true,
  });
  const drawing = init(undefined, undefined, { renderer: 'svg', ssr: true, ...SIZE });
  drawing.setOption({
    animation: false,
    backgroundColor: '#fff',
    title: { text: title },
    legend: { top: 30 },
    grid: { left: 70, right: 30, top: 70, bottom: 60 },
    xAxis: axis(x),
    yAxis: axis(y),
    series: lines.map(({ name, points }) => ({ type: 'line', name, data: points.map(([a, b]) => [a, b]) })),
  });
  const svg = drawing.renderToSVGString();
  drawing.dispose();
  return svg;
}

/** Throughput against latency, one line for each quantile. */
export function latencyChart(title: string, points: readonly Point[]): string {
  const sorted = points.toSorted((a, b) => a.perSecond - b.perSecond);
  const quantiles = ['p50', 'p99', 'p999'] as const;
  const lines = quantiles.map((name) => ({
    name: name.replace('p999', 'p99.9'),
    points: sorted.map(({ perSecond, latency }) => [perSecond, latency[name]] as const),
  }));
  return chart(title, { name: 'confirmed messages/s' }, { name: 'ms', logarithmic: true }, lines);
}
