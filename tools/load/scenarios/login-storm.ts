import { type Context, freshTag } from '../context.ts';
import { verify } from '../generators.ts';
import type * as Logins from '../jobs/logins.ts';
import { LatencyHistogram } from '../latency.ts';
import { Meter } from '../meter.ts';
import { sizeOf } from '../options.ts';
import { cpuTable, number, p50p99 } from '../report/format.ts';
import { type Section, tableOf } from '../report/section.ts';

/** Logins under way at a time: as after the restart of a gateway, when all come as fast as they are let in. */
const LOGINS_AT_ONCE = 100;
/** Before the clock runs, so that it does not time the compiler. */
const FIRST = 200;

/** Logins of users who all come at once: from the TCP connect to login:A. */
export async function loginStorm(context: Context): Promise<Section> {
  const { connections } = context.options;
  const { target, roles } = await context.services(sizeOf(context.options));
  await using users = context.worker<typeof Logins>('logins');
  const enter = (count: number) =>
    users.call('enter', { ...target, tag: `${freshTag()}-`, count, atOnce: LOGINS_AT_ONCE });
  context.say(`login storm, ${connections} connections`);
  await enter(FIRST);
  const meter = new Meter([...roles, users.as('load')]);
  const { ms, latency: samples } = await enter(connections);
  const cost = meter.cost(connections);
  verify(await users.call('leave'));
  const latency = new LatencyHistogram().add(samples).summary();
  const found = { perSecond: (connections * 1_000) / ms, latency, ...cost };
  const table = tableOf([found], {
    'Logins under way': () => number(LOGINS_AT_ONCE),
    'logins/s': ({ perSecond }) => number(perSecond),
    'p50 / p99 ms': p50p99,
    'max ms': () => number(latency.max),
  });
  return {
    title: `Login storm of ${number(connections)}`,
    tables: [table, cpuTable([{ name: 'logins', cpu: cost.cpuByRole, servers: cost.serverCpuPer1000 }])],
    data: found,
  };
}
