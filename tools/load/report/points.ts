import type { Measured } from '../generators.ts';
import type { Latency } from '../latency.ts';
import type { Size } from '../options.ts';
import { cpuTable, number, p50p99, pair } from './format.ts';
import { type Chart, linesOf, type Table, tableOf } from './section.ts';

/** One measured load. */
export interface Point extends Measured {
  /** What tells it from others of the same load. */
  name?: string;
  size: Size;
  pairs: number;
  /** Of a closed loop: messages that each pair has under way. */
  outstandingPerPair?: number;
  /** Of an open loop: messages a second that were due. */
  rate?: number;
}

/** What the machine can do in one respect, in messages. */
export interface Limit {
  name: string;
  /** At most, or those that were due. */
  perSecond: number;
  /** From when a message was under way, or due, to its end. */
  latency: Latency;
  /** CPU time for 1,000 messages, milliseconds. */
  cpuByRole: Record<string, number>;
  /** Voluntary context switches a message. */
  switchesByRole?: Record<string, number>;
}

export const processesOf = ({ gateways, routing, ack }: Size): string => `${gateways} + ${routing} + ${ack}`;

/** Below this share of what was due, a rate was not held. */
const HELD = 0.98;

/** If the rate was not held, the latency only says how long the run lasted. */
export const isHeld = ({ rate, perSecond }: Pick<Point, 'rate' | 'perSecond'>): boolean =>
  rate === undefined || perSecond > rate * HELD;

function nameOf(point: Point): string {
  const { rate, outstandingPerPair = 0, pairs, size, name } = point;
  const load =
    rate === undefined
      ? `${pairs} x ${outstandingPerPair} under way`
      : `${number(rate)}/s due${isHeld(point) ? '' : ', not held'}`;
  return `${processesOf(size)}: ${load}${name === undefined ? '' : `, ${name}`}`;
}

/** Throughput, latency and cost of loads. */
export function pointTables(points: readonly Point[], limits: readonly Limit[]): Table[] {
  const shares = limits.map(({ name, perSecond }) => [
    `of ${name}`,
    (point: Point) => number(point.perSecond / perSecond),
  ]);
  const byRole = (point: Point) => ({
    name: nameOf(point),
    cpu: point.cpuByRole,
    servers: point.serverCpuPer1000,
  });
  return [
    tableOf(points, {
      'Gateways + routing + ack: load': nameOf,
      'confirmed/s': ({ perSecond }) => number(perSecond),
      'p50 / p99 ms': p50p99,
      'p99.9 / max ms': ({ latency }) => pair(latency.p999, latency.max),
      'msg:A p50 / p99 ms': ({ accepted }) => p50p99({ latency: accepted }),
      'came again': ({ again }) => number(again),
      ...(Object.fromEntries(shares) as Record<string, (point: Point) => string>),
    }),
    cpuTable(points.map(byRole)),
    cpuTable(points.map((point) => ({ name: nameOf(point), cpu: point.cpuPer1000 }))),
  ];
}

/** Throughput against latency, one line for each quantile. */
export function latencyChart(name: string, title: string, points: readonly Point[]): Chart {
  const sorted = points.toSorted((a, b) => a.perSecond - b.perSecond);
  const axes = { x: { name: 'confirmed messages/s' }, y: { name: 'ms', logarithmic: true } };
  const lines = linesOf(sorted, ({ perSecond }) => perSecond, {
    p50: ({ latency }) => latency.p50,
    p99: ({ latency }) => latency.p99,
    'p99.9': ({ latency }) => latency.p999,
  });
  return { name, title, ...axes, lines };
}
