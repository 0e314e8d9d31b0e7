import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { readMetrics } from '../testkit/metrics.ts';
import { freePort } from '../stack/ports.ts';
import { postgres } from '../stack/postgres.ts';
import { ProcessHandle } from '../testkit/process-handle.ts';
import { ensureRabbitMq } from '../stack/rabbitmq-install.ts';
import { rabbitMq } from '../stack/rabbitmq.ts';
import { service, type ServiceKind } from '../stack/service.ts';
import { troubleIn } from './logs.ts';
import type { FuzzOptions } from './options.ts';
import { Trend } from './trend.ts';

/** Always the same, so that the tokens of a recorded run are good in the next one. */
export const SECRET = 'the secret of the fuzzer, long enough for HS256';

/** More than a process holds that has a bounded amount of anything, bytes; the largest messages of the fuzzer included. */
const MOST_MEMORY = 1024 * 1024 * 1024;

/** One process of each service, on a broker and a database of their own unless there are some already. */
export class Environment {
  readonly services: ProcessHandle[] = [];
  readonly #grounds: ProcessHandle[] = [];
  readonly #dataDir: string;
  readonly #options: FuzzOptions;
  /** Of the heap of each service. */
  readonly #trends = new Map<string, Trend>();
  #pids: number[] = [];
  amqpUrl = '';

  constructor(dataDir: string, options: FuzzOptions) {
    this.#dataDir = dataDir;
    this.#options = options;
  }

  get gateway(): ProcessHandle {
    const [first] = this.services;
    if (!first) throw new Error('the gateway has not started');
    return first;
  }

  async start(): Promise<void> {
    chmodSync(this.#dataDir, 0o755); // the database runs as somebody else
    const { amqpUrl, databaseUrl } = this.#options.ground ?? (await this.#startGround());
    this.amqpUrl = amqpUrl;
    const kinds: [ServiceKind, NodeJS.ProcessEnv][] = [
      ['gateway', { AUTH_SECRET: SECRET, GATEWAY_ID: 'gateway-1', DATABASE_URL: undefined }],
      ['routing', { DATABASE_URL: databaseUrl }],
      ['ack', { DATABASE_URL: databaseUrl }],
    ];
    this.services.push(...(await Promise.all(kinds.map(([kind, env]) => this.#startService(kind, env)))));
    this.#pids = this.services.map(({ pid }) => pid);
  }

  /** What is wrong with the processes; undefined while nothing is. */
  async fault(): Promise<string | undefined> {
    for (const [n, { name, running, pid }] of this.services.entries())
      if (!running || pid !== this.#pids[n]) return `${name} ended`;
    for (const { name, spec } of this.services) {
      const [line] = troubleIn(spec.logFile);
      if (line !== undefined) return `the log of ${name} says: ${line.slice(0, 2_000)}`;
      const metrics = await readMetrics(spec.http ?? '').catch(() => undefined);
      if (!metrics) return `${name} does not answer`;
      const memory = metrics.value('process_resident_memory_bytes');
      if (memory > MOST_MEMORY) return `${name} holds ${memory} bytes`;
      this.#trendOf(name).add(
        metrics.value('nodejs_heap_space_size_used_bytes', { space: 'old' }) +
          metrics.value('nodejs_external_memory_bytes'),
      );
    }
    return undefined;
  }

  /** A service that kept more and more; undefined when none did. */
  leak(): string | undefined {
    for (const [name, { leak }] of this.#trends)
      if (leak) return `${name} kept ${leak.first} bytes at first, and ${leak.last} at last`;
    return undefined;
  }

  #trendOf(name: string): Trend {
    const trend = this.#trends.get(name) ?? new Trend();
    this.#trends.set(name, trend);
    return trend;
  }

  /** A metric of a service. */
  async value(name: string, metric: string): Promise<number> {
    const http = this.services.find((one) => one.name === name)?.spec.http ?? '';
    return (await readMetrics(http)).value(metric);
  }

  /** @returns what did not end well */
  async stop(): Promise<string[]> {
    const failures: string[] = [];
    for (const group of [this.services.slice(0, 1), this.services.slice(1), this.#grounds]) {
      const outcomes = await Promise.allSettled(group.map((one) => one.stop()));
      for (const one of outcomes) if (one.status === 'rejected') failures.push(String(one.reason));
    }
    return failures;
  }

  #logFile(name: string): string {
    return join(this.#dataDir, 'logs', `${name}.log`);
  }

  async #startGround() {
    await ensureRabbitMq();
    const ports = { port: await freePort(), distributionPort: await freePort(), epmdPort: await freePort() };
    const broker = rabbitMq({ dataDir: this.#dataDir, ...ports, logFile: this.#logFile('rabbitmq') });
    const database = postgres({
      dataDir: this.#dataDir,
      port: await freePort(),
      logFile: this.#logFile('postgres'),
    });
    this.#grounds.push(...(await Promise.all([broker, database].map((spec) => ProcessHandle.start(spec)))));
    return { amqpUrl: broker.url, databaseUrl: database.url };
  }

  async #startService(kind: ServiceKind, env: NodeJS.ProcessEnv): Promise<ProcessHandle> {
    const name = `${kind}-1`;
    const shared = {
      AMQP_URL: this.amqpUrl,
      QUEUE_SETTLE_MS: '0',
      NODE_ENV: undefined,
      NODE_OPTIONS: undefined,
    };
    return ProcessHandle.start(
      service({
        kind,
        name,
        port: await freePort(),
        dataDir: this.#dataDir,
        logFile: this.#logFile(name),
        servicesDir: join(this.#options.root, 'services'),
        env: { ...shared, ...env },
      }),
    );
  }
}
