import type { Context } from '../context.ts';
import { brokerLimit } from '../limits/broker.ts';
import { ofServers, sum } from '../meter.ts';
import { sizeOf } from '../options.ts';
import { compared, type Contestant, type Figures, type Load, loadName, ratios } from '../report/compared.ts';
import type { Section } from '../report/section.ts';
import { measurePoint } from './loops.ts';

/** What each contestant measures for a load. */
type Measure = (load: Load) => Promise<Figures>;

/**
 * This version, four bare durable hops through the broker and, with `--against`, another commit: the same loads, in
 * turns. Phases of a shared machine are longer than a turn, so ratios of one turn say more than absolute figures.
 */
export async function compare(context: Context): Promise<Section> {
  const { turns, rates, outstanding, pairs } = context.options;
  const loads: Load[] = [
    { pairs: 1, outstandingPerPair: 1 },
    ...rates.map((rate) => ({ pairs, rate })),
    ...outstanding.map((outstandingPerPair) => ({ pairs, outstandingPerPair })),
  ];
  const measures: [Contestant, Measure][] = [
    ['bare hops', bareHops(context)],
    ['this version', await sixfold(context)],
    ...(context.other ? [['the other commit', await sixfold(context.other)] as [Contestant, Measure]] : []),
  ];
  const all: (Figures & { load: string; contestant: Contestant; turn: number })[] = [];
  for (let turn = 1; turn <= turns; turn++)
    for (const load of loads)
      for (const [contestant, measure] of measures) {
        context.say(`turn ${turn} of ${turns}, ${loadName(load)}: ${contestant}`);
        all.push({ load: loadName(load), contestant, turn, ...(await measure(load)) });
      }
  return { title: 'In turns', tables: [compared(all), ...ratios(all)], data: all };
}

async function sixfold(context: Context): Promise<Measure> {
  const services = await context.services(sizeOf(context.options));
  return async (load) => {
    const point = await measurePoint(context, services, load);
    const { perSecond, latency, serverCpuPer1000, switchesByRole } = point;
    return figures(perSecond, latency, serverCpuPer1000, ofServers(switchesByRole));
  };
}

/** The processes that drive the broker do the services' part: all of them are servers here. */
const bareHops =
  (context: Context): Measure =>
  async (load) => {
    const due =
      load.rate === undefined ? { window: load.pairs * (load.outstandingPerPair ?? 1) } : { rate: load.rate };
    const { perSecond, latency, cpuByRole, switchesByRole = {} } = await brokerLimit(context, 1, due);
    return figures(perSecond, latency, sum(Object.values(cpuByRole)), sum(Object.values(switchesByRole)));
  };

const figures = (
  perSecond: number,
  { p50, p99 }: { p50: number; p99: number },
  cpuPer1000: number,
  switches: number,
): Figures => ({ perSecond, p50, p99, cpuPer1000, switches });
