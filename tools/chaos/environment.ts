import { chmodSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { pgBouncer } from '../testkit/pgbouncer.ts';
import { freePort } from '../stack/ports.ts';
import { ProcessHandle } from '../testkit/process-handle.ts';
import { ensureRabbitMq } from '../stack/rabbitmq-install.ts';
import { rabbitMqCluster } from '../testkit/rabbitmq-cluster.ts';
import { rabbitMq } from '../stack/rabbitmq.ts';
import type * as PostgresModule from '../stack/postgres.ts';
import type { ServiceKind } from '../stack/service.ts';
import { until } from '../stack/until.ts';
import { usersOf, type ChaosUser } from './users.ts';
import { ClientProcess } from './client-process.ts';
import { SmallDisk } from './disk.ts';
import { type Member, startMember } from './member.ts';
import { TokenEndpoint } from './token-endpoint.ts';
import type { EnvironmentOptions } from './environment-options.ts';

export const MAILBOX_QUOTA = 500;

const SECRET = 'the secret of the chaos run, long enough for HS256';

/** Everything that the nemesis can hurt. */
export class Environment {
  readonly dataDir: string;
  readonly brokers: ProcessHandle[] = [];
  readonly databases: ProcessHandle[] = [];
  /** Between the services and the database, if there is one. */
  readonly poolers: ProcessHandle[] = [];
  readonly members: Member[] = [];
  readonly clientProcesses: ClientProcess[] = [];
  readonly users: readonly ChaosUser[];
  /** Incarnations of gateways whose rows an operator has deleted; their queues may still hold something. */
  readonly forgotten = new Set<string>();
  readonly tokens = new TokenEndpoint(SECRET);
  readonly #options: EnvironmentOptions;
  #amqpUrls: string[] = [];
  #databaseUrl = '';
  #poolerUrl: string | undefined;

  constructor(dataDir: string, options: EnvironmentOptions) {
    this.dataDir = dataDir;
    this.#options = options;
    this.users = usersOf(options.pairs, options.clientProcesses);
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
    if (this.#options.pooler) {
      const { process, url } = await pgBouncer(this.dataDir, this.#databaseUrl);
      this.poolers.push(process);
      this.#poolerUrl = url;
    }
    const kinds = { gateway: gateways, routing, ack };
    await Promise.all(
      Object.entries(kinds).flatMap(([kind, count]) =>
        Array.from({ length: count }, (_, n) => this.#startService(kind as ServiceKind, n + 1)),
      ),
    );
    this.members.sort((a, b) => a.process.name.localeCompare(b.process.name));
    await this.#startClients();
    const arrived = () => this.clientProcesses.every(({ counter }) => counter.arrived);
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
    await Promise.all(this.clientProcesses.map((clientProcess) => clientProcess.kill()));
    this.tokens.close();
    const failures = await this.stopServices();
    failures.push(
      ...(await failuresOf(
        [...this.brokers, ...this.poolers, ...this.databases].map((handle) => handle.stop()),
      )),
    );
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
    // Of the work tree under test: how a server starts that was killed is part of what is tested.
    const { postgres } = await stackOf(this.#options.root);
    const spec = postgres({ dataDir, port: await freePort(), logFile: this.#logFile('postgres') });
    this.databases.push(await ProcessHandle.start(spec));
    this.#databaseUrl = spec.url;
  }

  async #startService(kind: ServiceKind, n: number): Promise<void> {
    const { dataDir } = this;
    const name = `${kind}-${n}`;
    const env = {
      // Who never comes back shall reach it, and nobody else.
      MAILBOX_QUOTA: String(MAILBOX_QUOTA),
      ...(kind === 'gateway' && { AUTH_SECRET: SECRET, GATEWAY_ID: name }),
    };
    const { root } = this.#options;
    const amqpUrls = this.#amqpUrls;
    const databaseUrl = this.#poolerUrl ?? this.#databaseUrl;
    const member = { kind, name, dataDir, root, amqpUrls, databaseUrl, env };
    this.members.push(await startMember({ ...member, logFile: this.#logFile(name) }));
  }

  async #startClients(): Promise<void> {
    const { root, seed, rate, clientProcesses, failing } = this.#options;
    const urls = this.members.flatMap(({ clients }) => (clients ? `ws://127.0.0.1:${clients.port}/ws` : []));
    const senders = this.users.filter(({ to }) => to !== undefined).length;
    const tokens = await this.tokens.listen();
    const everyMs = (senders * 1_000) / rate;
    for (let n = 0; n < clientProcesses; n++) {
      const name = `clients-${n + 1}`;
      const turned = [...urls.slice(n % urls.length), ...urls.slice(0, n % urls.length)];
      const parts = this.users.filter(({ clientProcess }) => clientProcess === n);
      const orders = { seed: seed * 100 + n, parts, urls: turned, tokens, everyMs, failing };
      const dir = join(this.dataDir, name);
      mkdirSync(dir, { recursive: true });
      const disk = SmallDisk.possible ? new SmallDisk(join(dir, 'disk')) : undefined;
      const clientProcess = new ClientProcess({ name, root, dataDir: this.dataDir, disk, orders });
      clientProcess.start();
      this.clientProcesses.push(clientProcess);
    }
  }
}

const stackOf = (root: string) =>
  import(pathToFileURL(join(root, 'tools/stack/postgres.ts')).href) as Promise<typeof PostgresModule>;

async function failuresOf(tasks: Promise<unknown>[]): Promise<string[]> {
  const outcomes = await Promise.allSettled(tasks);
  return outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [String(outcome.reason)] : []));
}
