import { memoryOf, processUsage, treeOf } from '../testkit/process-usage.ts';

/** A process whose use of the machine counts, with its descendants. */
export interface Role {
  /** `gateway-1` */
  name: string;
  /** `gateway`: what several may have in common. */
  role: string;
  pid: number;
}

/** CPU time for 1,000 messages, milliseconds. */
export interface Cost {
  /** Of each process. */
  cpuPer1000: Record<string, number>;
  /** The same by role, and of the servers together; `load` is not among those. */
  cpuByRole: Record<string, number>;
  serverCpuPer1000: number;
}

export const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

export const mapValues = <A, B>(record: Record<string, A>, change: (value: A, name: string) => B) =>
  Object.fromEntries(Object.entries(record).map(([name, value]) => [name, change(value, name)]));

/** Measures the CPU time and the memory of processes. */
export class Meter {
  readonly #roles: readonly Role[];
  #before: Record<string, number>;

  constructor(roles: readonly Role[]) {
    this.#roles = roles;
    this.#before = this.#cpu();
  }

  /** CPU time from here on is the next cost. */
  restart(): void {
    this.#before = this.#cpu();
  }

  /** CPU time since the last time, in relation to messages. */
  cost(messages: number): Cost {
    const before = this.#before;
    this.restart();
    const cpuPer1000 = mapValues(this.#before, (ms, name) => ((ms - (before[name] ?? 0)) * 1_000) / messages);
    const cpuByRole = this.byRole(cpuPer1000);
    const servers = Object.entries(cpuByRole).filter(([role]) => role !== 'load');
    return { cpuPer1000, cpuByRole, serverCpuPer1000: sum(servers.map(([, ms]) => ms)) };
  }

  /** Memory of each with its descendants, bytes (PSS). */
  memory(): Record<string, number> {
    return this.#ofEach((pid) => memoryOf(pid));
  }

  /** Adds up by role what is known by process. */
  byRole(byName: Record<string, number>): Record<string, number> {
    const sums: Record<string, number> = {};
    for (const { name, role } of this.#roles) sums[role] = (sums[role] ?? 0) + (byName[name] ?? 0);
    return sums;
  }

  #cpu(): Record<string, number> {
    return this.#ofEach((pid, processes) => processes.get(pid)?.cpuMs ?? 0);
  }

  #ofEach(value: (pid: number, processes: ReturnType<typeof processUsage>) => number) {
    const processes = processUsage();
    return Object.fromEntries(
      this.#roles.map(({ name, pid }) => [
        name,
        sum(treeOf(pid, processes).map((one) => value(one, processes))),
      ]),
    );
  }
}
