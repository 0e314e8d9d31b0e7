import { setTimeout as delay } from 'node:timers/promises';
import type { Fleet, Progress } from './fleet.ts';
import { type CpuTime, Meter, type Role } from './meter.ts';

/** CPU time for 1,000 messages, milliseconds. */
export interface Cost {
  /** Of each process. */
  cpuPer1000: Record<string, number>;
  /** The same by role, and of the servers together; `load` is not among those. */
  cpuByRole: Record<string, number>;
  serverCpuPer1000: number;
}

/** What was done in some time, and what it cost. */
export interface Measured extends Progress, Cost {}

export interface Period {
  seconds: number;
  warmup: number;
}

/** Measures what goes on: warms it up, then looks for a while. */
export async function measure(
  fleet: Fleet,
  servers: readonly Role[],
  { seconds, warmup }: Period,
): Promise<Measured> {
  await delay(warmup * 1_000);
  const meter = new Meter([...servers, ...fleet.roles]);
  await fleet.take();
  meter.take();
  await delay(seconds * 1_000);
  const [progress, cpu] = [await fleet.take(), meter.take()];
  return { ...progress, ...costOf(meter, cpu, progress.confirmed) };
}

/** CPU time in relation to messages. */
export function costOf(meter: Meter, cpu: CpuTime, messages: number): Cost {
  const per1000 = (times: Record<string, number>) =>
    Object.fromEntries(Object.entries(times).map(([name, ms]) => [name, (ms * 1_000) / messages]));
  const cpuByRole = per1000(meter.byRole(cpu));
  const serverCpuPer1000 = Object.entries(cpuByRole).reduce(
    (sum, [role, ms]) => (role === 'load' ? sum : sum + ms),
    0,
  );
  return { cpuPer1000: per1000(cpu), cpuByRole, serverCpuPer1000 };
}
