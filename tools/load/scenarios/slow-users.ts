import type { Context } from '../context.ts';
import { sizeOf } from '../options.ts';
import { number, p50p99, pair } from '../report/format.ts';
import { type Section, tableOf } from '../report/section.ts';
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
  const shown = [
    { name: 'all of them', ...points.without },
    { name: 'the rest: a tenth never answers', ...points.with },
  ];
  const table = tableOf(shown, {
    'Pairs that answer': ({ name }) => name,
    'confirmed/s': ({ perSecond }) => number(perSecond),
    'p50 / p99 ms': p50p99,
    'p99.9 / max ms': ({ latency }) => pair(latency.p999, latency.max),
    'p99, to the first': ({ latency }) => number(latency.p99 / points.without.latency.p99),
  });
  return {
    title: `Slow users, at ${number(rate)} messages/s`,
    tables: [table],
    data: { ...points, ratioOfP99: ratio },
  };
}
