import { memoryOf, processUsage, treeOf } from '../stack/process-usage.ts';

/** A process whose use of the machine counts, with all that it starts. */
export interface Role {
  /** `gateway-1` */
  name: string;
  /** `gateway`: what several may have in common. */
  role: string;
  pid: number;
}

/** CPU time by process, milliseconds. */
export type CpuTime = Record<string, number>;

/** Tells how much CPU time processes use from one moment to the next. */
export class Meter {
  readonly #roles: readonly Role[];
  #before: CpuTime;

  constructor(roles: readonly Role[]) {
    this.#roles = roles;
    this.#before = cpuOf(roles);
  }

  /** CPU time since the last time, milliseconds. */
  take(): CpuTime {
    const [before, now] = [this.#before, cpuOf(this.#roles)];
    this.#before = now;
    return Object.fromEntries(Object.entries(now).map(([name, ms]) => [name, ms - (before[name] ?? 0)]));
  }

  /** Memory of each with all that it started, bytes (PSS). */
  memory(): Record<string, number> {
    const processes = processUsage();
    const sum = (pid: number) => treeOf(pid, processes).reduce((bytes, one) => bytes + memoryOf(one), 0);
    return Object.fromEntries(this.#roles.map(({ name, pid }) => [name, sum(pid)]));
  }

  /** Adds up what is known by process to what is known by role. */
  byRole(byName: Record<string, number>): Record<string, number> {
    const sums: Record<string, number> = {};
    for (const { name, role } of this.#roles) sums[role] = (sums[role] ?? 0) + (byName[name] ?? 0);
    return sums;
  }
}

function cpuOf(roles: readonly Role[]): CpuTime {
  const processes = processUsage();
  const sum = (pid: number) =>
    treeOf(pid, processes).reduce((ms, one) => ms + (processes.get(one)?.cpuMs ?? 0), 0);
  return Object.fromEntries(roles.map(({ name, pid }) => [name, sum(pid)]));
}
