import { setTimeout as delay } from 'node:timers/promises';
import { type Context, freshTag } from '../context.ts';
import { verify } from '../generators.ts';
import type * as Logins from '../jobs/logins.ts';
import { Meter, sum } from '../meter.ts';
import { sizeOf } from '../options.ts';
import { kib, mib, number } from '../report/format.ts';
import { type Section, tableOf } from '../report/section.ts';

/** Before the others, so that what is loaded once is not counted to each of them. */
const FIRST = 50;
const LOGINS_AT_ONCE = 50;
/** The least of several samples counts: garbage comes and goes. */
const SAMPLES = 4;
const SAMPLE_EVERY_MS = 500;

/** Memory of a process, bytes: before the connections, and after each rest. */
interface Found {
  name: string;
  before: number;
  after: number[];
}

/** Memory for each connection that is logged in and does nothing, by process. */
export async function idle(context: Context): Promise<Section> {
  const { connections, rests } = context.options;
  const { target, roles } = await context.services(sizeOf(context.options), { fresh: true });
  await using users = context.worker<typeof Logins>('logins');
  const enter = (count: number) =>
    users.call('enter', { ...target, tag: `${freshTag()}-`, count, atOnce: LOGINS_AT_ONCE });
  context.say(`idle, ${connections} connections`);
  const meter = new Meter(roles);
  await enter(FIRST);
  await delay(Math.max(...rests) * 1_000); // the garbage of the start would count as memory of connections
  const before = await leastMemory(meter);
  await enter(connections);
  const after = await afterEach(rests, meter);
  verify(await users.call('leave'));
  const found = Object.entries(before).map(([name, bytes]) => ({
    name,
    before: bytes,
    after: after.map((memory) => memory[name] ?? bytes),
  }));
  return { title: `${number(connections)} idle connections`, ...shown(found, connections, rests) };
}

function shown(processes: Found[], connections: number, rests: number[]): Pick<Section, 'tables' | 'data'> {
  const each = (some: Found[]) =>
    rests.map((_, n) => sum(some.map(({ before, after }) => (after[n] ?? before) - before)) / connections);
  const gateways = each(processes.filter(({ name }) => name.startsWith('gateway')));
  const all = each(processes);
  const columns = rests.map((rest, n) => ({
    [`after ${rest} s MiB`]: ({ after }: Found) => mib(after[n] ?? NaN),
    [`KiB for each connection after ${rest} s`]: (one: Found) => kib(each([one])[n] ?? NaN),
  }));
  const total = (name: string, bytes: number[]) => [name, '', ...bytes.flatMap((one) => ['', kib(one)])];
  const { head, rows } = tableOf<Found>(processes, {
    Process: ({ name }) => name,
    'before MiB': ({ before }) => mib(before),
    ...(Object.assign({}, ...columns) as (typeof columns)[number]),
  });
  return {
    tables: [{ head, rows: [...rows, total('gateways together', gateways), total('all servers', all)] }],
    data: { connections, rests, bytesPerConnection: { gateways, all }, processes },
  };
}

async function afterEach(rests: number[], meter: Meter): Promise<Record<string, number>[]> {
  const began = performance.now();
  const found: Record<string, number>[] = [];
  for (const rest of rests) {
    await delay(Math.max(0, rest * 1_000 - (performance.now() - began)));
    found.push(await leastMemory(meter));
  }
  return found;
}

async function leastMemory(meter: Meter): Promise<Record<string, number>> {
  const least = meter.memory();
  for (let sample = 1; sample < SAMPLES; sample++) {
    await delay(SAMPLE_EVERY_MS);
    for (const [name, bytes] of Object.entries(meter.memory()))
      least[name] = Math.min(least[name] ?? bytes, bytes);
  }
  return least;
}
