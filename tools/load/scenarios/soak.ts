import { setTimeout as delay } from 'node:timers/promises';
import type { Context } from '../context.ts';
import { costOf, type Measured } from '../measure.ts';
import { Meter } from '../meter.ts';
import { sizeOf } from '../options.ts';
import { number, pair } from '../report/format.ts';
import type { Section } from '../section.ts';

/** What happened between two looks, and the memory at the second one. */
interface Interval extends Measured {
  /** Since the beginning, seconds. */
  at: number;
  /** By role, bytes (PSS). */
  memory: Record<string, number>;
}

/** A long open loop: whether cost, latency and memory stay as they are. */
export async function soak(context: Context): Promise<Section> {
  const { rate, warmup, soakSeconds, soakEvery } = context.options;
  const world = await context.services(sizeOf(context.options));
  const intervals = await context.withFleet(world, async (fleet) => {
    const found: Interval[] = [];
    const meter = new Meter([...world.roles, ...fleet.roles]);
    await fleet.openLoop(rate);
    await delay(warmup * 1_000);
    await fleet.take();
    meter.take();
    for (let at = soakEvery; at <= soakSeconds; at += soakEvery) {
      await delay(soakEvery * 1_000);
      const [progress, cpu] = [await fleet.take(), meter.take()];
      const memory = meter.byRole(meter.memory());
      const interval = { at, ...progress, ...costOf(meter, cpu, progress.confirmed), memory };
      found.push(interval);
      context.say(`soak, ${at}/${soakSeconds} s at ${rate} messages/s: ${brief(interval)}`);
    }
    await fleet.stop();
    return found;
  });
  return { title: `Soak at ${number(rate)} messages/s`, ...shown(intervals), data: intervals };
}

/** What would be lost if the run failed later. */
function brief({ latency, serverCpuPer1000, memory }: Interval): string {
  const mib = Object.entries(memory).map(([role, bytes]) => `${role} ${number(bytes / 2 ** 20)}`);
  return `${pair(latency.p50, latency.p99)} ms, ${number(serverCpuPer1000)} CPU ms per 1,000; MiB: ${mib.join(', ')}`;
}

function shown(intervals: readonly Interval[]): Pick<Section, 'tables' | 'charts'> {
  const roles = Object.keys(intervals[0]?.memory ?? {});
  const line = (name: string, value: (interval: Interval) => number) => ({
    name,
    points: intervals.map((interval) => [interval.at, value(interval)] as const),
  });
  const time = { name: 'seconds' };
  return {
    tables: [
      {
        head: [
          'Seconds',
          'confirmed/s',
          'p50 / p99 ms',
          'came again',
          'server CPU ms per 1,000',
          ...roles.map((role) => `${role} MiB`),
        ],
        rows: intervals.map((interval) => [
          number(interval.at),
          number(interval.perSecond),
          pair(interval.latency.p50, interval.latency.p99),
          number(interval.again),
          number(interval.serverCpuPer1000),
          ...roles.map((role) => number((interval.memory[role] ?? 0) / 2 ** 20)),
        ]),
      },
    ],
    charts: [
      {
        name: 'soak-latency',
        title: 'Soak: latency',
        x: time,
        y: { name: 'ms' },
        lines: [line('p50', ({ latency }) => latency.p50), line('p99', ({ latency }) => latency.p99)],
      },
      {
        name: 'soak-memory',
        title: 'Soak: memory',
        x: time,
        y: { name: 'MiB' },
        lines: roles.map((role) => line(role, ({ memory }) => (memory[role] ?? 0) / 2 ** 20)),
      },
    ],
  };
}
