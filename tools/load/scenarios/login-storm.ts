import { type Context, freshTag } from '../context.ts';
import { type Latency, LatencyHistogram } from '../latency.ts';
import type { CrowdApi } from '../load/crowd.ts';
import { type Cost, costOf } from '../measure.ts';
import { Meter } from '../meter.ts';
import { cpuTable, number, pair } from '../report/format.ts';
import { sizeOf } from '../options.ts';
import type { Section } from '../section.ts';
import { verify } from '../verify.ts';

/** Logins under way at a time: as after the restart of a gateway, when all come as fast as they are let in. */
const LOGINS_AT_ONCE = 100;
/** Before the clock runs, so that it does not time the compiler. */
const FIRST = 200;

interface Found extends Cost {
  perSecond: number;
  latency: Latency;
}

/** How fast users get in who all come at once: from the TCP connect to login:A. */
export async function loginStorm(context: Context): Promise<Section> {
  const { connections } = context.options;
  const { urls, secret, roles } = await context.services(sizeOf(context.options));
  const found = await context.withWorker<CrowdApi, Found>('load/crowd.ts', async (crowd) => {
    const enter = (count: number) =>
      crowd.call('enter', { urls, secret, tag: `${freshTag()}-`, count, atOnce: LOGINS_AT_ONCE });
    context.say(`login storm, ${connections} connections`);
    await enter(FIRST);
    const meter = new Meter([...roles, { name: 'load', role: 'load', pid: crowd.pid }]);
    const { ms, latency } = await enter(connections);
    const cost = costOf(meter, meter.take(), connections);
    verify(await crowd.call('leave'));
    const perSecond = (connections * 1_000) / ms;
    return { perSecond, latency: new LatencyHistogram().add(latency).summary(), ...cost };
  });
  const { perSecond, latency, cpuByRole, serverCpuPer1000 } = found;
  return {
    title: `Login storm of ${number(connections)}`,
    tables: [
      {
        head: ['Logins under way', 'logins/s', 'p50 / p99 ms', 'max ms'],
        rows: [
          [number(LOGINS_AT_ONCE), number(perSecond), pair(latency.p50, latency.p99), number(latency.max)],
        ],
      },
      cpuTable([{ name: 'logins', cpu: cpuByRole, servers: serverCpuPer1000 }]),
    ],
    charts: [],
    data: found,
  };
}
