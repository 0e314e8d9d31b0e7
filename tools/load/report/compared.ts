import { mapValues } from '../meter.ts';
import { number } from './format.ts';
import { type Table, tableOf } from './section.ts';

export type Contestant = 'bare hops' | 'this version' | 'the other commit';

/** A closed loop (`outstandingPerPair`) or an open one (`rate`, messages a second). */
export interface Load {
  pairs: number;
  outstandingPerPair?: number;
  rate?: number;
}

/** One measurement. */
export interface Figures {
  /** Messages a second. */
  perSecond: number;
  /** Milliseconds. */
  p50: number;
  p99: number;
  /** CPU time of all servers for 1,000 messages, milliseconds. */
  cpuPer1000: number;
  /** Voluntary context switches of all servers a message. */
  switches: number;
}

/** A measurement in its place. */
export interface Measurement extends Figures {
  load: string;
  contestant: Contestant;
  turn: number;
}

export const loadName = ({ pairs, rate, outstandingPerPair = 0 }: Load): string =>
  rate === undefined ? `${pairs} x ${outstandingPerPair} under way` : `${number(rate)}/s due`;

const COLUMNS = {
  'messages/s': 'perSecond',
  'p50 ms': 'p50',
  'p99 ms': 'p99',
  'CPU ms per 1,000': 'cpuPer1000',
  'switches a message': 'switches',
} as const;

/** The median of each figure over the turns. */
export function compared(all: readonly Measurement[]): Table {
  const groups = [...Map.groupBy(all, ({ load, contestant }) => `${load}: ${contestant}`)];
  const columns = mapValues(
    COLUMNS,
    (key) =>
      ([, turns]: (typeof groups)[number]) =>
        number(median(turns.map((one) => one[key]))),
  );
  return tableOf(groups, { Medians: ([name]) => name, ...columns });
}

/** This version in relation to each other contestant: the median of the turns' ratios, and their range. */
export function ratios(all: readonly Measurement[]): Table[] {
  const others = [...new Set(all.map(({ contestant }) => contestant))].filter(
    (one) => one !== 'this version',
  );
  return others.map((other) => {
    const loads = [...Map.groupBy(all, ({ load }) => load)];
    const columns = mapValues(
      COLUMNS,
      (key) =>
        ([, turns]: (typeof loads)[number]) =>
          spread(ratiosOf(turns, other, key)),
    );
    return tableOf(loads, { [`This version to ${other}`]: ([name]) => name, ...columns });
  });
}

function ratiosOf(turns: readonly Measurement[], other: Contestant, key: keyof Figures): number[] {
  const byTurn = Map.groupBy(turns, ({ turn }) => turn);
  return [...byTurn.values()].flatMap((of) => {
    const value = (name: Contestant) => of.find(({ contestant }) => contestant === name)?.[key];
    const [ours, theirs] = [value('this version'), value(other)];
    return ours === undefined || theirs === undefined ? [] : [ours / theirs];
  });
}

function spread(values: readonly number[]): string {
  const range = `${number(Math.min(...values))} to ${number(Math.max(...values))}`;
  return values.length > 1 ? `${number(median(values))} (${range})` : number(median(values));
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const [below = NaN, above = NaN] = [sorted[(sorted.length - 1) >> 1], sorted[sorted.length >> 1]];
  return (below + above) / 2;
}
