import { setTimeout as delay } from 'node:timers/promises';
import { type Context, freshTag } from '../context.ts';
import type { CrowdApi } from '../load/crowd.ts';
import { Meter } from '../meter.ts';
import { number } from '../report/format.ts';
import { sizeOf } from '../options.ts';
import type { Section } from '../section.ts';
import { verify } from '../verify.ts';

/** Before the others, so that what is loaded once is not counted to each of them. */
const FIRST = 50;
const LOGINS_AT_ONCE = 50;
/** The least of so many looks counts: garbage comes and goes. */
const LOOKS = 4;
const LOOK_EVERY_MS = 500;

/** Memory for each connection that is logged in and does nothing, by process. */
export async function idle(context: Context): Promise<Section> {
  const { connections, rest } = context.options;
  const { urls, secret, roles } = await context.services(sizeOf(context.options), { fresh: true });
  const found = await context.withWorker<
    CrowdApi,
    { name: string; before: number; after: number; perConnection: number }[]
  >('load/crowd.ts', async (crowd) => {
    const meter = new Meter(roles);
    const enter = (count: number) =>
      crowd.call('enter', { urls, secret, tag: `${freshTag()}-`, count, atOnce: LOGINS_AT_ONCE });
    context.say(`idle, ${connections} connections`);
    await enter(FIRST);
    await delay(rest * 1_000);
    const before = await leastMemory(meter);
    await enter(connections);
    await delay(rest * 1_000);
    const after = await leastMemory(meter);
    verify(await crowd.call('leave'));
    return Object.entries(after).map(([name, bytes]) => {
      const earlier = before[name] ?? 0;
      return { name, before: earlier, after: bytes, perConnection: (bytes - earlier) / connections };
    });
  });
  const gateways = found
    .filter(({ name }) => name.startsWith('gateway'))
    .reduce((sum, { perConnection }) => sum + perConnection, 0);
  const all = found.reduce((sum, { perConnection }) => sum + perConnection, 0);
  const rows = found.map(({ name, before, after, perConnection }) => [
    name,
    number(before / 2 ** 20),
    number(after / 2 ** 20),
    number(perConnection / 1024),
  ]);
  return {
    title: `${number(connections)} idle connections`,
    tables: [
      {
        head: ['Process', 'before MiB', 'after MiB', 'KiB for each of all connections'],
        rows: [
          ...rows,
          ['gateways together', '', '', number(gateways / 1024)],
          ['all servers', '', '', number(all / 1024)],
        ],
      },
    ],
    charts: [],
    data: { connections, bytesPerConnection: { gateways, all }, processes: found },
  };
}

async function leastMemory(meter: Meter): Promise<Record<string, number>> {
  const least = meter.memory();
  for (let look = 1; look < LOOKS; look++) {
    await delay(LOOK_EVERY_MS);
    for (const [name, bytes] of Object.entries(meter.memory()))
      least[name] = Math.min(least[name] ?? bytes, bytes);
  }
  return least;
}
