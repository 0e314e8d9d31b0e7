import type { Limit } from '../limits/limit.ts';
import type { Size } from '../options.ts';
import type { Point } from '../point.ts';
import type { Chart, Table } from '../section.ts';
import { cpuTable, number, pair } from './format.ts';

export const processesOf = ({ gateways, routing, ack }: Size): string => `${gateways} + ${routing} + ${ack}`;

/** Below this share of what was due, a rate was not held. */
const HELD = 0.98;

/** Whether what was due was done: if not, its latency only says for how long it was watched. */
export const isHeld = ({ rate, perSecond }: Pick<Point, 'rate' | 'perSecond'>): boolean =>
  rate === undefined || perSecond > rate * HELD;

function loadOf(point: Point): string {
  const { rate, outstandingPerPair = 0, pairs } = point;
  if (rate === undefined) return `${pairs} x ${outstandingPerPair} under way`;
  return `${number(rate)}/s due${isHeld(point) ? '' : ', not held'}`;
}

/** Throughput, latency and cost of loads. */
export function pointTables(points: readonly Point[], limits: readonly Limit[]): Table[] {
  const names = points.map((point) => `${processesOf(point.size)}: ${loadOf(point)}`);
  const rows = points.map(({ perSecond, latency, accepted, again }, n) => [
    names[n] ?? '',
    number(perSecond),
    pair(latency.p50, latency.p99),
    pair(latency.p999, latency.max),
    pair(accepted.p50, accepted.p99),
    number(again),
    ...limits.map((limit) => number(perSecond / limit.perSecond)),
  ]);
  const head = [
    'Gateways + routing + ack: load',
    'confirmed/s',
    'p50 / p99 ms',
    'p99.9 / max ms',
    'msg:A p50 / p99 ms',
    'came again',
    ...limits.map(({ name }) => `of ${name}`),
  ];
  const cpu = (kind: 'cpuByRole' | 'cpuPer1000') =>
    points.map((point, n) => ({
      name: names[n] ?? '',
      cpu: point[kind],
      ...(kind === 'cpuByRole' && { servers: point.serverCpuPer1000 }),
    }));
  return [{ head, rows }, cpuTable(cpu('cpuByRole')), cpuTable(cpu('cpuPer1000'))];
}

/** Throughput against latency, one line for each quantile. */
export function latencyChart(name: string, title: string, points: readonly Point[]): Chart {
  const sorted = points.toSorted((a, b) => a.perSecond - b.perSecond);
  const line = (key: 'p50' | 'p99' | 'p999') => ({
    name: key.replace('p999', 'p99.9'),
    points: sorted.map(({ perSecond, latency }) => [perSecond, latency[key]] as const),
  });
  return {
    name,
    title,
    x: { name: 'confirmed messages/s' },
    y: { name: 'ms', logarithmic: true },
    lines: [line('p50'), line('p99'), line('p999')],
  };
}
