import type { Context } from '../context.ts';
import { sizeOf } from '../options.ts';
import { number, pair } from '../report/format.ts';
import type { Point } from '../report/points.ts';
import type { Section } from '../report/section.ts';
import { measurePoint } from './loops.ts';

/** One pair of this many has a receiver that never confirms. */
const SLOW_EVERY = 10;

/** The cost of users who do not answer to the others: their latency, without and with slow users. */
export async function slowUsers(context: Context): Promise<Section> {
  const { rate } = context.options;
  const services = await context.services(sizeOf(context.options));
  const run = (slowEvery: number) => {
    context.say(`open loop, ${rate} messages/s, ${slowEvery === 0 ? 'all answer' : 'a tenth never answers'}`);
    return measurePoint(context, services, { rate }, slowEvery);
  };
  const points = { without: await run(0), with: await run(SLOW_EVERY) };
  const ratio = points.with.latency.p99 / points.without.latency.p99;
  const row = (name: string, { perSecond, latency }: Point, toWithout: number) => [
    name,
    number(perSecond),
    pair(latency.p50, latency.p99),
    pair(latency.p999, latency.max),
    number(toWithout),
  ];
  const head = ['Pairs that answer', 'confirmed/s', 'p50 / p99 ms', 'p99.9 / max ms', 'p99, to the first'];
  const rows = [
    row('all of them', points.without, 1),
    row('the rest: a tenth never answers', points.with, ratio),
  ];
  return {
    title: `Slow users, at ${number(rate)} messages/s`,
    tables: [{ head, rows }],
    data: { ...points, ratioOfP99: ratio },
  };
}
