import type { Measured } from '../generators.ts';
import type { Latency } from '../latency.ts';
import type { Size } from '../options.ts';
import { cpuTable, number, pair } from './format.ts';
import { type Chart, lineOf, type Table } from './section.ts';

/** One measured load. */
export interface Point extends Measured {
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
}

export const processesOf = ({ gateways, routing, ack }: Size): string => `${gateways} + ${routing} + ${ack}`;

/** Below this share of what was due, a rate was not held. */
const HELD = 0.98;

/** If the rate was not held, the latency only says how long the run lasted. */
export const isHeld = ({ rate, perSecond }: Pick<Point, 'rate' | 'perSecond'>): boolean =>
  rate === undefined || perSecond > rate * HELD;

function nameOf(point: Point): string {
  const { rate, outstandingPerPair = 0, pairs, size } = point;
  const load =
    rate === undefined
      ? `${pairs} x ${outstandingPerPair} under way`
      : `${number(rate)}/s due${isHeld(point) ? '' : ', not held'}`;
  return `${processesOf(size)}: ${load}`;
}

/** Throughput, latency and cost of loads. */
export function pointTables(points: readonly Point[], limits: readonly Limit[]): Table[] {
  const head = [
    'Gateways + routing + ack: load',
    'confirmed/s',
    'p50 / p99 ms',
    'p99.9 / max ms',
    'msg:A p50 / p99 ms',
    'came again',
    ...limits.map(({ name }) => `of ${name}`),
  ];
  const rows = points.map((point) => [
    nameOf(point),
    number(point.perSecond),
    pair(point.latency.p50, point.latency.p99),
    pair(point.latency.p999, point.latency.max),
    pair(point.accepted.p50, point.accepted.p99),
    number(point.again),
    ...limits.map((limit) => number(point.perSecond / limit.perSecond)),
  ]);
  const byRole = points.map((point) => ({
    name: nameOf(point),
    cpu: point.cpuByRole,
    servers: point.serverCpuPer1000,
  }));
  const byProcess = points.map((point) => ({ name: nameOf(point), cpu: point.cpuPer1000 }));
  return [{ head, rows }, cpuTable(byRole), cpuTable(byProcess)];
}

/** Throughput against latency, one line for each quantile. */
export function latencyChart(name: string, title: string, points: readonly Point[]): Chart {
  const sorted = points.toSorted((a, b) => a.perSecond - b.perSecond);
  const line = (key: 'p50' | 'p99' | 'p999') =>
    lineOf(
      key.replace('p999', 'p99.9'),
      sorted,
      ({ perSecond }) => perSecond,
      ({ latency }) => latency[key],
    );
  const axes = { x: { name: 'confirmed messages/s' }, y: { name: 'ms', logarithmic: true } };
  return { name, title, ...axes, lines: [line('p50'), line('p99'), line('p999')] };
}
