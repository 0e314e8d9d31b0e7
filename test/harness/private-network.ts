import { execFile } from 'node:child_process';
import { readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Child, startChild } from '../../tools/stack/child.ts';
import { childEnvironment } from '../../tools/stack/environment.ts';
import { debianProgram } from '../../tools/stack/install.ts';
import type { Machine } from '../../tools/stack/rabbitmq-member.ts';
import { until } from '../../tools/stack/until.ts';

/**
 * Machines with a network of their own: a network namespace for each, and one with the switch between them. Each is
 * linked to this host, too. A namespace lasts as long as the process that holds it, and its links last as long as it
 * does: nothing is left behind, however we end.
 */
export class PrivateNetwork implements AsyncDisposable {
  readonly machines: readonly Machine[];
  readonly #switch: Machine;
  readonly #holders: readonly Child[];

  private constructor(machines: readonly Machine[], theSwitch: Machine, holders: readonly Child[]) {
    this.machines = machines;
    this.#switch = theSwitch;
    this.#holders = holders;
  }

  /** @throws Error that says what is missing, where namespaces cannot be made */
  static async create(count: number, dataDir: string): Promise<PrivateNetwork> {
    await ensureNamespaces();
    const holders = await Promise.all(Array.from({ length: count + 1 }, () => hold(dataDir)));
    // Of the addresses that are set aside for tests of networks (RFC 2544), 198.18.0.0/15.
    const first = Math.floor(Math.random() * (2 ** 15 - count));
    const [theSwitch, ...machines] = holders.map(({ pid }, n): Machine => {
      const enter = ['nsenter', `--net=/proc/${pid}/ns/net`];
      return { inner: `10.66.0.${n}`, outer: addressOf((first + n) * 4 + 2), enter };
    });
    if (!theSwitch) throw new Error('a network has a switch');
    const network = new PrivateNetwork(machines, theSwitch, holders);
    try {
      for (const [n, { pid }] of holders.slice(1).entries()) {
        await network.#connect(n, pid, `sf${pid}`, addressOf((first + n + 1) * 4 + 1));
      }
      await network.heal();
      return network;
    } catch (error) {
      await network.close();
      throw error;
    }
  }

  /** From now on each machine reaches those of its group only; what it sends to others is lost without a word. */
  async split(...groups: readonly (readonly Machine[])[]): Promise<void> {
    for (const machine of this.machines) {
      const group = groups.findIndex((members) => members.includes(machine));
      const port = `port${this.machines.indexOf(machine)}`;
      await run(this.#switch, `ip link set ${port} master group${Math.max(0, group)}`);
    }
  }

  /** Everybody reaches everybody. */
  heal(): Promise<void> {
    return this.split(this.machines);
  }

  /** Removes the network. What still runs there keeps its namespace. */
  async close(): Promise<void> {
    for (const holder of this.#holders) holder.kill('SIGKILL');
    await Promise.all(this.#holders.map(({ exited }) => exited));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** One link to this host, one to the switch, which has a part for each group. */
  async #connect(n: number, pid: number, link: string, host: string): Promise<void> {
    const machine = this.machines[n];
    if (!machine) return;
    await run(undefined, `ip link add ${link} type veth peer name host netns ${pid}`);
    await run(undefined, `ip addr add ${host}/30 dev ${link}`, `ip link set ${link} up`);
    await run(
      machine,
      'ip link set lo up',
      `ip addr add ${machine.outer}/30 dev host`,
      'ip link set host up',
    );
    await run(
      this.#switch,
      `ip link add group${n} type bridge`,
      `ip link set group${n} up`,
      `ip link add port${n} type veth peer name switch netns ${pid}`,
      `ip link set port${n} up`,
    );
    await run(machine, `ip addr add ${machine.inner}/24 dev switch`, 'ip link set switch up');
  }
}

async function run(where: Machine | undefined, ...commands: string[]): Promise<void> {
  for (const command of commands) {
    const [file = '', ...args] = [...(where?.enter ?? []), ...command.split(' ')];
    await promisify(execFile)(file, args);
  }
}

const addressOf = (n: number): string => `198.${18 + (n >> 16)}.${(n >> 8) & 255}.${n & 255}`;

async function ensureNamespaces(): Promise<void> {
  const succeeds = (file: string, ...args: string[]) =>
    promisify(execFile)(file, args).then(
      () => true,
      () => false,
    );
  if (process.getuid?.() !== 0 || !(await succeeds('unshare', '--net', 'true')))
    throw new Error(
      'network namespaces cannot be made here: that takes Linux and root, and in a container the capabilities SYS_ADMIN ' +
        'and NET_ADMIN (SIXFOLD_WITHOUT_NAMESPACES=1 npm test leaves out the tests that need them)',
    );
  await debianProgram('ip', 'iproute2');
}

/** Starts a process in a network namespace of its own. */
async function hold(dataDir: string): Promise<Child> {
  const [logFile, env] = [join(dataDir, 'logs', 'network.log'), childEnvironment(dataDir, {})];
  const args = ['--net', 'sleep', 'infinity'];
  const holder = await startChild({ command: 'unshare', args, cwd: '/', env, logFile });
  const namespaceOf = (pid: number | 'self') => readlinkSync(`/proc/${pid}/ns/net`);
  const isThere = () => namespaceOf(holder.pid) !== namespaceOf('self');
  await until(isThere, { what: 'a network namespace' });
  return holder;
}
