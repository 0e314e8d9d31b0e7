import { Environment } from '../testkit/environment.ts';
import { readMetrics } from '../testkit/metrics.ts';
import type { ServiceHandle } from '../testkit/service-handle.ts';
import { troubleIn } from './logs.ts';
import type { FuzzOptions } from './options.ts';
import { Trend } from './trend.ts';

/** Always the same, so that the tokens of a recorded run are valid in the next one. */
export const SECRET = 'the secret of the fuzzer, long enough for HS256';

/** More than a process needs that bounds everything, bytes; the largest messages of the fuzzer included. */
const MOST_MEMORY = 1024 * 1024 * 1024;

/** One process of each service, and what is wrong with them. */
export class FuzzEnvironment {
  readonly system: Environment;
  readonly gateway: ServiceHandle;
  /** The services that were started, with their first pids, and the heap of each. */
  readonly #services: readonly { handle: ServiceHandle; pid: number; trend: Trend }[];

  private constructor(system: Environment, gateway: ServiceHandle) {
    this.system = system;
    this.gateway = gateway;
    this.#services = system.services.map((handle) => ({ handle, pid: handle.pid, trend: new Trend() }));
  }

  static async start(dataDir: string, { ground, root }: FuzzOptions): Promise<FuzzEnvironment> {
    const system = await Environment.start({
      dataDir,
      ground,
      root,
      secret: SECRET,
      env: { QUEUE_SETTLE_MS: '0' },
    });
    await system.add({ gateway: 1, routing: 1, ack: 1 });
    const [gateway] = system.of('gateway');
    if (!gateway) throw new Error('the gateway has not started');
    return new FuzzEnvironment(system, gateway);
  }

  /** What is wrong with the processes; undefined while nothing is. */
  async fault(): Promise<string | undefined> {
    for (const { handle, pid } of this.#services)
      if (!handle.running || handle.pid !== pid) return `${handle.name} ended`;
    for (const { handle, trend } of this.#services) {
      const { name, spec, http } = handle;
      const [line] = troubleIn(spec.logFile);
      if (line !== undefined) return `the log of ${name} says: ${line.slice(0, 2_000)}`;
      const metrics = await readMetrics(http).catch(() => undefined);
      if (!metrics) return `${name} does not answer`;
      const memory = metrics.value('process_resident_memory_bytes');
      if (memory > MOST_MEMORY) return `${name} holds ${memory} bytes`;
      const heap = metrics.value('nodejs_heap_space_size_used_bytes', { space: 'old' });
      trend.add(heap + metrics.value('nodejs_external_memory_bytes'));
    }
    return undefined;
  }

  /** A service that kept more and more; undefined when none did. */
  leak(): string | undefined {
    for (const { handle, trend } of this.#services)
      if (trend.leak)
        return `${handle.name} kept ${trend.leak.first} bytes at first, and ${trend.leak.last} at last`;
    return undefined;
  }
}
