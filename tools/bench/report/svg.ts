import { LineChart } from 'echarts/charts';
import { GridComponent, LegendComponent, TitleComponent } from 'echarts/components';
import { init, use } from 'echarts/core';
import { SVGRenderer } from 'echarts/renderers';
import type { Axis, Chart } from '../section.ts';

use([LineChart, GridComponent, LegendComponent, TitleComponent, SVGRenderer]);

/** Pixels. */
const SIZE = { width: 760, height: 440 };

/** A chart as SVG. */
export function svgOf({ title, x, y, lines }: Chart): string {
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

const axis = ({ name, logarithmic = false }: Axis) => ({
  type: logarithmic ? ('log' as const) : ('value' as const),
  name,
  nameLocation: 'middle' as const,
  nameGap: 45,
});
