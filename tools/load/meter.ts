import { memoryOf, processUsage, switchesOf, treeOf } from '../testkit/process-usage.ts';

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
  /** Voluntary context switches a message, by role. */
  switchesByRole: Record<string, number>;
}

/** The sum of all roles but the load generator's. */
export const ofServers = (byRole: Record<string, number>): number =>
  sum(Object.entries(byRole).map(([role, value]) => (role === 'load' ? 0 : value)));

export const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

export const mapValues = <A, B>(record: Record<string, A>, change: (value: A, name: string) => B) =>
  Object.fromEntries(Object.entries(record).map(([name, value]) => [name, change(value, name)]));

/** Measures CPU time, context switches and memory of processes. */
export class Meter {
  readonly #roles: readonly Role[];
  #before: Record<string, number>;
  #switches: Record<string, number>;

  constructor(roles: readonly Role[]) {
    this.#roles = roles;
    this.#before = this.#cpu();
    this.#switches = this.#voluntarySwitches();
  }

  /** CPU time from here on is the next cost. */
  restart(): void {
    this.#before = this.#cpu();
    this.#switches = this.#voluntarySwitches();
  }

  /** CPU time since the last time, in relation to messages. */
  cost(messages: number): Cost {
    const before = this.#before;
    const switches = this.#switches;
    this.restart();
    const cpuPer1000 = mapValues(this.#before, (ms, name) => ((ms - (before[name] ?? 0)) * 1_000) / messages);
    const cpuByRole = this.byRole(cpuPer1000);
    const perMessage = mapValues(this.#switches, (count, name) => (count - (switches[name] ?? 0)) / messages);
    const switchesByRole = this.byRole(perMessage);
    return { cpuPer1000, cpuByRole, serverCpuPer1000: ofServers(cpuByRole), switchesByRole };
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

  #voluntarySwitches(): Record<string, number> {
    return this.#ofEach((pid) => switchesOf(pid));
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
