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

/** Memory of a process: bytes, before the crowd came and after each rest. */
interface Found {
  name: string;
  before: number;
  after: number[];
}

/** Memory for each connection that is logged in and does nothing, by process. */
export async function idle(context: Context): Promise<Section> {
  const { connections, rests } = context.options;
  const { urls, secret, roles } = await context.services(sizeOf(context.options), { fresh: true });
  const found = await context.withWorker<CrowdApi, Found[]>('load/crowd.ts', async (crowd) => {
    const meter = new Meter(roles);
    const enter = (count: number) =>
      crowd.call('enter', { urls, secret, tag: `${freshTag()}-`, count, atOnce: LOGINS_AT_ONCE });
    context.say(`idle, ${connections} connections`);
    await enter(FIRST);
    await delay(Math.max(...rests) * 1_000); // what starting left behind would pass for what connections take
    const before = await leastMemory(meter);
    await enter(connections);
    const after = await afterEach(rests, meter);
    verify(await crowd.call('leave'));
    return Object.entries(before).map(([name, bytes]) => ({
      name,
      before: bytes,
      after: after.map((memory) => memory[name] ?? bytes),
    }));
  });
  const each = (processes: Found[]) =>
    rests.map(
      (_, n) => sum(processes.map(({ before, after }) => (after[n] ?? before) - before)) / connections,
    );
  const gateways = each(found.filter(({ name }) => name.startsWith('gateway')));
  const all = each(found);
  return {
    title: `${number(connections)} idle connections`,
    tables: [
      {
        head: [
          'Process',
          'before MiB',
          ...rests.flatMap((rest) => [`after ${rest} s MiB`, 'KiB for each of all connections']),
        ],
        rows: [
          ...found.map((process) => [
            process.name,
            number(process.before / 2 ** 20),
            ...each([process]).flatMap((bytes, n) => [number((process.after[n] ?? 0) / 2 ** 20), kib(bytes)]),
          ]),
          ['gateways together', '', ...gateways.flatMap((bytes) => ['', kib(bytes)])],
          ['all servers', '', ...all.flatMap((bytes) => ['', kib(bytes)])],
        ],
      },
    ],
    charts: [],
    data: { connections, rests, bytesPerConnection: { gateways, all }, processes: found },
  };
}

const kib = (bytes: number) => number(bytes / 1024);

const sum = (values: number[]) => values.reduce((total, value) => total + value, 0);

async function afterEach(rests: number[], meter: Meter): Promise<Record<string, number>[]> {
  const begun = performance.now();
  const looks: Record<string, number>[] = [];
  for (const rest of rests) {
    await delay(Math.max(0, rest * 1_000 - (performance.now() - begun)));
    looks.push(await leastMemory(meter));
  }
  return looks;
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
