import { chmodSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../stack/ports.ts';
import { postgres } from '../stack/postgres.ts';
import { ProcessHandle } from '../stack/process-handle.ts';
import { ensureRabbitMq } from '../stack/rabbitmq-install.ts';
import { rabbitMqCluster } from '../stack/rabbitmq-cluster.ts';
import { rabbitMq } from '../stack/rabbitmq.ts';
import { service, type ServiceKind } from '../stack/service.ts';
import { TcpProxy } from '../stack/tcp-proxy.ts';
import { until } from '../stack/until.ts';
import { castOf, type Part } from './cast.ts';
import { Crew } from './crew.ts';
import type { WorldOptions } from './world-options.ts';

export const MAILBOX_QUOTA = 500;

/** Shorter than the defaults, so that a fault of seconds shows what one of minutes does. */
const SETTINGS = {
  LOG_LEVEL: 'trace',
  ACK_TIMEOUT_MS: '2500',
  AMQP_HEARTBEAT_S: '2',
  CONFIRM_TIMEOUT_MS: '1000',
  DRAIN_SPREAD_MS: '500',
  DATABASE_TIMEOUT_MS: '5000',
  DRAIN_TIMEOUT_MS: '3000',
  GATEWAY_LEASE_MS: '4000',
  PING_INTERVAL_MS: '2000',
  // Who never comes back shall reach it, and nobody else.
  MAILBOX_QUOTA: String(MAILBOX_QUOTA),
};

const SECRET = 'the secret of the chaos run, long enough for HS256';

/** A service process, with a proxy on each of its ways to others. */
export interface Member {
  readonly kind: ServiceKind;
  readonly process: ProcessHandle;
  readonly http: string;
  /** Between the clients and this gateway. */
  readonly clients?: TcpProxy;
  /** Between this process and each node of the broker. */
  readonly broker: readonly TcpProxy[];
  /** Between this process and the database; a gateway has none. */
  readonly database?: TcpProxy;
}

/** Everything that the nemesis can hurt. */
export class World {
  readonly dataDir: string;
  readonly brokers: ProcessHandle[] = [];
  readonly databases: ProcessHandle[] = [];
  readonly members: Member[] = [];
  readonly crews: Crew[] = [];
  readonly cast: readonly Part[];
  readonly #options: WorldOptions;
  #amqpUrls: string[] = [];
  #databaseUrl = '';

  constructor(dataDir: string, options: WorldOptions) {
    this.dataDir = dataDir;
    this.#options = options;
    this.cast = castOf(options.pairs, options.crews);
  }

  /** Directly, not through a proxy. */
  get databaseUrl(): string {
    return this.#databaseUrl;
  }

  /** Directly, not through a proxy; the first one that answers is as good as any. */
  get amqpUrls(): readonly string[] {
    return this.#amqpUrls;
  }

  /** Starts broker, database, services and clients, in this order, and waits until all clients have logged in. */
  async start(): Promise<void> {
    chmodSync(this.dataDir, 0o755); // the database runs as somebody else
    const { gateways, routing, ack, ground } = this.#options;
    if (ground) [this.#amqpUrls, this.#databaseUrl] = [[ground.amqpUrl], ground.databaseUrl];
    else await Promise.all([this.#startBroker(), this.#startDatabase()]);
    const kinds = { gateway: gateways, routing, ack };
    await Promise.all(
      Object.entries(kinds).flatMap(([kind, count]) =>
        Array.from({ length: count }, (_, n) => this.#startService(kind as ServiceKind, n + 1)),
      ),
    );
    this.members.sort((a, b) => a.process.name.localeCompare(b.process.name));
    this.#startClients();
    const arrived = () => this.crews.every(({ tally }) => tally.arrived);
    await until(arrived, { what: 'the clients to log in', timeoutMs: 180_000, intervalMs: 100 });
  }

  /** Ends the services in good order, gateways first. @returns what had crashed, or did not end well */
  async stopServices(): Promise<string[]> {
    const some = (...kinds: ServiceKind[]) =>
      this.members.filter(({ kind }) => kinds.includes(kind)).map(({ process }) => process.stop());
    return [...(await failuresOf(some('gateway'))), ...(await failuresOf(some('routing', 'ack')))];
  }

  /** Ends everything that still runs, whatever state it is in. @returns what had crashed, or did not end well */
  async stop(): Promise<string[]> {
    await Promise.all(this.crews.map((crew) => crew.kill()));
    const failures = await this.stopServices();
    failures.push(...(await failuresOf([...this.brokers, ...this.databases].map((handle) => handle.stop()))));
    const proxies = this.members.flatMap(({ clients, broker, database }) => [clients, ...broker, database]);
    await Promise.all(proxies.map((proxy) => proxy?.close() ?? Promise.resolve()));
    return failures;
  }

  #logFile(name: string): string {
    return join(this.dataDir, 'logs', `${name}.log`);
  }

  async #startBroker(): Promise<void> {
    await ensureRabbitMq();
    const { dataDir } = this;
    const logFile = (name: string) => this.#logFile(name);
    const [port, distributionPort, epmdPort] = [await freePort(), await freePort(), await freePort()];
    const nodes = this.#options.cluster
      ? (await rabbitMqCluster({ dataDir, nodes: 3, logFile })).nodes
      : [rabbitMq({ dataDir, port, distributionPort, epmdPort, logFile: logFile('rabbitmq') })];
    this.brokers.push(...(await Promise.all(nodes.map((node) => ProcessHandle.start(node)))));
    this.#amqpUrls = nodes.map(({ url }) => url);
  }

  async #startDatabase(): Promise<void> {
    const { dataDir } = this;
    const spec = postgres({ dataDir, port: await freePort(), logFile: this.#logFile('postgres') });
    this.databases.push(await ProcessHandle.start(spec));
    this.#databaseUrl = spec.url;
  }

  async #startService(kind: ServiceKind, n: number): Promise<void> {
    const name = `${kind}-${n}`;
    const port = await freePort();
    const isGateway = kind === 'gateway';
    const broker = await Promise.all(this.#amqpUrls.map((url) => TcpProxy.listen(portOf(url))));
    const database = isGateway ? undefined : await TcpProxy.listen(portOf(this.#databaseUrl));
    const clients = isGateway ? await TcpProxy.listen(port) : undefined;
    const amqpUrl = this.#amqpUrls.map((url, i) => withPort(url, broker[i]?.port)).join(',');
    const spec = service({
      kind,
      name,
      port,
      dataDir: this.dataDir,
      logFile: this.#logFile(name),
      servicesDir: join(this.#options.root, 'services'),
      env: {
        ...SETTINGS,
        NODE_ENV: undefined,
        NODE_OPTIONS: undefined,
        AMQP_URL: amqpUrl,
        ...(isGateway
          ? { DATABASE_URL: undefined, AUTH_SECRET: SECRET, GATEWAY_ID: name }
          : { DATABASE_URL: withPort(this.#databaseUrl, database?.port) }),
      },
    });
    const process = await ProcessHandle.start(spec);
    this.members.push({
      kind,
      process,
      http: spec.http,
      broker,
      ...(clients && { clients }),
      ...(database && { database }),
    });
  }

  #startClients(): void {
    const { root, seed, rate, crews, failing } = this.#options;
    const urls = this.members.flatMap(({ clients }) => (clients ? `ws://127.0.0.1:${clients.port}/ws` : []));
    const senders = this.cast.filter(({ to }) => to !== undefined).length;
    const everyMs = (senders * 1_000) / rate;
    for (let n = 0; n < crews; n++) {
      const name = `clients-${n + 1}`;
      const turned = [...urls.slice(n % urls.length), ...urls.slice(0, n % urls.length)];
      const parts = this.cast.filter(({ crew }) => crew === n);
      const orders = { seed: seed * 100 + n, parts, urls: turned, secret: SECRET, everyMs, failing };
      const crew = new Crew({ name, root, dataDir: this.dataDir, orders });
      mkdirSync(join(this.dataDir, name), { recursive: true });
      crew.start();
      this.crews.push(crew);
    }
  }
}

async function failuresOf(tasks: Promise<unknown>[]): Promise<string[]> {
  const outcomes = await Promise.allSettled(tasks);
  return outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [String(outcome.reason)] : []));
}

const portOf = (url: string) => Number(new URL(url).port);

function withPort(url: string, port: number | undefined): string {
  const changed = new URL(url);
  changed.port = String(port);
  return changed.href;
}
