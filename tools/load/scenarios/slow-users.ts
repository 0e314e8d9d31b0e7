import type { Context } from '../context.ts';
import { sizeOf } from '../options.ts';
import { number, pair } from '../report/format.ts';
import type { Section } from '../section.ts';
import { openLoopPoint } from './loops.ts';

/** One pair of so many has a receiver who never confirms. */
const SLOW_EVERY = 10;

/** What users who do not answer cost the others: latency of the rest, without them and with them. */
export async function slowUsers(context: Context): Promise<Section> {
  const { rate } = context.options;
  const world = await context.services(sizeOf(context.options));
  const run = (slowEvery: number) => {
    context.say(`open loop, ${rate} messages/s, ${slowEvery === 0 ? 'all answer' : 'a tenth never answers'}`);
    return context.withFleet(world, (fleet) => openLoopPoint(context, world, fleet, rate), slowEvery);
  };
  const points = { without: await run(0), with: await run(SLOW_EVERY) };
  const ratio = points.with.latency.p99 / points.without.latency.p99;
  const row = (name: string, { perSecond, latency }: typeof points.with, toWithout: number) => [
    name,
    number(perSecond),
    pair(latency.p50, latency.p99),
    pair(latency.p999, latency.max),
    number(toWithout),
  ];
  return {
    title: `Slow users, at ${number(rate)} messages/s`,
    tables: [
      {
        head: ['Pairs that answer', 'confirmed/s', 'p50 / p99 ms', 'p99.9 / max ms', 'p99, to the first'],
        rows: [
          row('all of them', points.without, 1),
          row('the rest: a tenth never answers', points.with, ratio),
        ],
      },
    ],
    charts: [],
    data: { ...points, ratioOfP99: ratio },
  };
}
