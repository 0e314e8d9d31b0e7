import { type Context, freshTag } from '../context.ts';
import { verify } from '../generators.ts';
import type * as Offline from '../jobs/offline.ts';
import { type Cost, Meter } from '../meter.ts';
import { sizeOf } from '../options.ts';
import { cpuTable, number } from '../report/format.ts';
import { type Section, tableOf } from '../report/section.ts';

/** Messages that each sender has under way. */
const OUTSTANDING = 10;
/** Longest part, milliseconds. */
const PATIENCE_MS = 600_000;

interface Part extends Cost {
  part: string;
  perSecond: number;
}

/** Messages for absent users are stored, then pulled by these, then the senders pull their receipts. */
export async function offlineStorm(context: Context): Promise<Section> {
  const { pairs: users, stored: count, bodyBytes } = context.options;
  const { target, roles } = await context.services(sizeOf(context.options));
  await using worker = context.worker<typeof Offline>('offline');
  const parts: Part[] = [];
  const meter = new Meter([...roles, worker.as('load')]);
  const timed = async (part: string, work: () => Promise<number>) => {
    context.say(`offline storm: ${part}`);
    meter.restart();
    const ms = await work();
    parts.push({ part, perSecond: (count * 1_000) / ms, ...meter.cost(count) });
  };
  await worker.call('connect', { ...target, tag: freshTag(), users, body: 'x'.repeat(bodyBytes) });
  await timed('stored', () => worker.call('store', count, OUTSTANDING, PATIENCE_MS));
  await timed('pulled and confirmed', () => worker.call('pull', PATIENCE_MS));
  await timed('receipts pulled', () => worker.call('receipts', PATIENCE_MS));
  verify(await worker.call('faults'));
  return {
    title: `Offline storm: ${number(count)} messages for ${number(users)} absent users`,
    tables: [
      tableOf(parts, { What: ({ part }) => part, 'messages/s': ({ perSecond }) => number(perSecond) }),
      cpuTable(parts.map((one) => ({ name: one.part, cpu: one.cpuByRole, servers: one.serverCpuPer1000 }))),
    ],
    data: { count, users, parts },
  };
}
