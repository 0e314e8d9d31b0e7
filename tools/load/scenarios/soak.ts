import { setTimeout as delay } from 'node:timers/promises';
import type { Context } from '../context.ts';
import type { Measured } from '../generators.ts';
import { mapValues, Meter } from '../meter.ts';
import { sizeOf } from '../options.ts';
import { mib, number, p50p99 } from '../report/format.ts';
import { linesOf, type Section, tableOf } from '../report/section.ts';

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
function brief({ serverCpuPer1000, memory, ...measured }: Interval): string {
  const used = Object.entries(memory).map(([role, bytes]) => `${role} ${mib(bytes)}`);
  return `${p50p99(measured)} ms, ${number(serverCpuPer1000)} CPU ms per 1,000; MiB: ${used.join(', ')}`;
}

function shown(intervals: readonly Interval[]): Pick<Section, 'tables' | 'charts'> {
  const roles = Object.keys(intervals[0]?.memory ?? {});
  const memory = (suffix: string) =>
    Object.fromEntries(
      roles.map((role) => [role + suffix, (interval: Interval) => (interval.memory[role] ?? 0) / 2 ** 20]),
    );
  const table = tableOf(intervals, {
    Seconds: ({ at }) => number(at),
    'confirmed/s': ({ perSecond }) => number(perSecond),
    'p50 / p99 ms': p50p99,
    'came again': ({ again }) => number(again),
    'server CPU ms per 1,000': ({ serverCpuPer1000 }) => number(serverCpuPer1000),
    ...mapValues(memory(' MiB'), (value) => (interval: Interval) => number(value(interval))),
  });
  const chart = (of: string, unit: string, lines: Record<string, (interval: Interval) => number>) => ({
    name: `soak-${of}`,
    title: `Soak: ${of}`,
    x: { name: 'seconds' },
    y: { name: unit },
    lines: linesOf(intervals, ({ at }) => at, lines),
  });
  const latency = {
    p50: ({ latency: { p50 } }: Interval) => p50,
    p99: ({ latency: { p99 } }: Interval) => p99,
  };
  return {
    tables: [table],
    charts: [chart('latency', 'ms', latency), chart('memory', 'MiB', memory(''))],
  };
}
