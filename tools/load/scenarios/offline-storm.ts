import { type Context, freshTag } from '../context.ts';
import type { AbsentApi, Done } from '../load/absent.ts';
import { type Cost, costOf } from '../measure.ts';
import { Meter } from '../meter.ts';
import { cpuTable, number } from '../report/format.ts';
import { sizeOf } from '../options.ts';
import type { Section } from '../section.ts';
import { verify } from '../verify.ts';

/** Messages that each sender has under way. */
const OUTSTANDING = 10;
/** Longest part, milliseconds. */
const PATIENCE_MS = 600_000;

interface Part extends Cost {
  part: string;
  perSecond: number;
}

/** Messages for users who are away are stored, then pulled by these, then the senders pull their receipts. */
export async function offlineStorm(context: Context): Promise<Section> {
  const { pairs: users, stored: count, bodyBytes } = context.options;
  const { urls, secret, roles } = await context.services(sizeOf(context.options));
  const parts = await context.withWorker<AbsentApi, Part[]>('load/absent.ts', async (worker) => {
    const done: Part[] = [];
    const meter = new Meter([...roles, { name: 'load', role: 'load', pid: worker.pid }]);
    const timed = async (part: string, work: () => Promise<Done>) => {
      context.say(`offline storm: ${part}`);
      meter.take();
      const { ms } = await work();
      done.push({ part, perSecond: (count * 1_000) / ms, ...costOf(meter, meter.take(), count) });
    };
    await worker.call('connect', { urls, secret, tag: freshTag(), users, body: 'x'.repeat(bodyBytes) });
    await timed('stored', () => worker.call('store', count, OUTSTANDING, PATIENCE_MS));
    await timed('pulled and confirmed', () => worker.call('pull', PATIENCE_MS));
    await timed('receipts pulled', () => worker.call('receipts', PATIENCE_MS));
    verify(await worker.call('faults'));
    return done;
  });
  return {
    title: `Offline storm: ${number(count)} messages for ${number(users)} users who are away`,
    tables: [
      {
        head: ['What', 'messages/s'],
        rows: parts.map(({ part, perSecond }) => [part, number(perSecond)]),
      },
      cpuTable(
        parts.map(({ part, cpuByRole, serverCpuPer1000 }) => ({
          name: part,
          cpu: cpuByRole,
          servers: serverCpuPer1000,
        })),
      ),
    ],
    charts: [],
    data: { count, users, parts },
  };
}
