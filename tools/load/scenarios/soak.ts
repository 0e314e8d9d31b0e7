import { setTimeout as delay } from 'node:timers/promises';
import type { Context } from '../context.ts';
import type { Measured } from '../generators.ts';
import { Meter } from '../meter.ts';
import { sizeOf } from '../options.ts';
import { mib, number, pair } from '../report/format.ts';
import { lineOf, type Section } from '../report/section.ts';

/** What happened since the last interval, and the memory at its end. */
interface Interval extends Measured {
  /** Since the beginning, seconds. */
  at: number;
  /** By role, bytes (PSS). */
  memory: Record<string, number>;
}

/** A long open loop: whether cost, latency and memory stay as they are. */
export async function soak(context: Context): Promise<Section> {
  const { rate, warmup, soakSeconds, soakEvery } = context.options;
  const services = await context.services(sizeOf(context.options));
  await using generators = await context.pairs(services);
  const meter = new Meter([...services.roles, ...generators.roles]);
  const intervals: Interval[] = [];
  await generators.openLoop(rate);
  await delay(warmup * 1_000);
  await generators.take(meter);
  for (let at = soakEvery; at <= soakSeconds; at += soakEvery) {
    await delay(soakEvery * 1_000);
    const interval = { at, ...(await generators.take(meter)), memory: meter.byRole(meter.memory()) };
    intervals.push(interval);
    context.say(`soak, ${at}/${soakSeconds} s at ${rate} messages/s: ${brief(interval)}`);
  }
  await generators.stop();
  return { title: `Soak at ${number(rate)} messages/s`, ...shown(intervals), data: intervals };
}

/** Results that would be lost if the run failed later. */
function brief({ latency, serverCpuPer1000, memory }: Interval): string {
  const used = Object.entries(memory).map(([role, bytes]) => `${role} ${mib(bytes)}`);
  return `${pair(latency.p50, latency.p99)} ms, ${number(serverCpuPer1000)} CPU ms per 1,000; MiB: ${used.join(', ')}`;
}

function shown(intervals: readonly Interval[]): Pick<Section, 'tables' | 'charts'> {
  const roles = Object.keys(intervals[0]?.memory ?? {});
  const head = ['Seconds', 'confirmed/s', 'p50 / p99 ms', 'came again', 'server CPU ms per 1,000'];
  const rows = intervals.map(({ at, perSecond, latency, again, serverCpuPer1000, memory }) => [
    number(at),
    number(perSecond),
    pair(latency.p50, latency.p99),
    number(again),
    number(serverCpuPer1000),
    ...roles.map((role) => mib(memory[role] ?? 0)),
  ]);
  const chart = (
    of: string,
    unit: string,
    names: string[],
    value: (interval: Interval, name: string) => number,
  ) => ({
    name: `soak-${of}`,
    title: `Soak: ${of}`,
    x: { name: 'seconds' },
    y: { name: unit },
    lines: names.map((name) =>
      lineOf(
        name,
        intervals,
        ({ at }) => at,
        (interval) => value(interval, name),
      ),
    ),
  });
  return {
    tables: [{ head: [...head, ...roles.map((role) => `${role} MiB`)], rows }],
    charts: [
      chart('latency', 'ms', ['p50', 'p99'], ({ latency }, name) => latency[name as 'p50' | 'p99']),
      chart('memory', 'MiB', roles, ({ memory }, role) => (memory[role] ?? 0) / 2 ** 20),
    ],
  };
}
