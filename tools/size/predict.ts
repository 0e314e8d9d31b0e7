import { cpuOf, layoutOf, pricesOf, totalOf } from './fit.ts';
import type { Cpu, Loop, Measured } from './measured.ts';
import type { Layout, Traffic } from './ways.ts';

/** What a closed loop does on the machine of the measurements, the load generator beside it. */
export interface Prediction {
  /** CPU time for 1,000 messages, milliseconds. */
  cpu: Cpu;
  /** Confirmed messages. */
  perSecond: number;
}

/** Each process uses one core: their number is the most cores that the work can spread over. */
const SINGLE = [
  ['gateway', 'gateways'],
  ['routing', 'routing'],
  ['ack', 'ack'],
] as const;

/** As many messages as the cores have time for, at the share that the busiest measured loop used. */
export function predict(measured: Measured, layout: Layout, traffic: Traffic): Prediction {
  const cpu = cpuOf(pricesOf(measured), layout, traffic);
  const nearest = nearestLoop(measured.loops, traffic.underWay);
  const all = (totalOf(cpu) + nearest.cpu.load) / 1_000;
  const busy = Math.max(...measured.loops.map((loop) => usedBy(loop) / (measured.cores * 1_000)));
  const limits = SINGLE.flatMap(([role, count]) =>
    cpu[role] > 0 ? [(layout[count] * 1e6) / cpu[role]] : [],
  );
  return { cpu, perSecond: Math.min((measured.cores * 1_000 * busy) / all, ...limits) };
}

const usedBy = ({ perSecond, cpu }: Loop): number => (perSecond * (totalOf(cpu) + cpu.load)) / 1_000;

/** The load generator shares packets as the servers do. */
const nearestLoop = (loops: readonly Loop[], underWay: number): Loop =>
  loops.reduce((best, loop) => (distance(loop, underWay) < distance(best, underWay) ? loop : best));

const distance = (loop: Loop, underWay: number): number => Math.abs(Math.log(loop.underWay / underWay));

/** How far the prediction for a measured loop is from the measurement: 0.2 is 20 % too much. */
export interface Comparison {
  loop: Loop;
  predicted: Prediction;
  cpuError: number;
  throughputError: number;
}

export function compare(measured: Measured, loop: Loop): Comparison {
  const predicted = predict(measured, layoutOf(loop), loop);
  const cpuError = totalOf(predicted.cpu) / totalOf(loop.cpu) - 1;
  return { loop, predicted, cpuError, throughputError: predicted.perSecond / loop.perSecond - 1 };
}
