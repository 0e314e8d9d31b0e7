import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../stack/ports.ts';
import { postgres } from '../stack/postgres.ts';
import { ProcessHandle } from '../stack/process-handle.ts';
import { ensureRabbitMq } from '../stack/rabbitmq-install.ts';
import { rabbitMq } from '../stack/rabbitmq.ts';
import { service, type ServiceKind, webSocketUrl } from '../stack/service.ts';
import type { Size, World, WorldOptions } from './options.ts';
import type { Role } from './meter.ts';

export const SECRET = 'the secret of the benchmark, long enough for HS256';

/** Out of the way: what is measured is not how the gateway says no. What is slow shows as latency. */
const NO_LIMITS = {
  CONFIRM_TIMEOUT_MS: '20000',
  RATE_LIMIT_PER_S: '1000000000',
  RATE_BURST: '1000000000',
  MAX_CONNECTIONS: '1000000',
  MAX_UNAUTHENTICATED_CONNECTIONS: '1000000',
  MAX_HTTP_CONNECTIONS: '1000000',
};

/** A broker and a database of the run's own, unless there are some already. */
export class Ground {
  readonly dataDir: string;
  readonly amqpUrl: string;
  readonly databaseUrl: string;
  /** Those that were started here. */
  readonly roles: readonly Role[];
  readonly #handles: readonly ProcessHandle[];

  private constructor(
    dataDir: string,
    urls: { amqpUrl: string; databaseUrl: string },
    handles: ProcessHandle[],
  ) {
    this.dataDir = dataDir;
    this.amqpUrl = urls.amqpUrl;
    this.databaseUrl = urls.databaseUrl;
    this.#handles = handles;
    this.roles = handles.map(({ name, pid }) => ({ name, role: name, pid }));
  }

  static async start(dataDir: string, ground: WorldOptions['ground']): Promise<Ground> {
    chmodSync(dataDir, 0o755); // the database runs as somebody else
    if (ground) return new Ground(dataDir, ground, []);
    await ensureRabbitMq();
    const logFile = (name: string) => join(dataDir, 'logs', `${name}.log`);
    const ports = { port: await freePort(), distributionPort: await freePort(), epmdPort: await freePort() };
    const broker = rabbitMq({ dataDir, ...ports, logFile: logFile('rabbitmq') });
    const database = postgres({ dataDir, port: await freePort(), logFile: logFile('postgres') });
    const handles = await Promise.all([broker, database].map((spec) => ProcessHandle.start(spec)));
    return new Ground(dataDir, { amqpUrl: broker.url, databaseUrl: database.url }, handles);
  }

  /** Starts services, and waits until they are ready. */
  async services(size: Size, options: WorldOptions): Promise<World> {
    const kinds = { gateway: size.gateways, routing: size.routing, ack: size.ack };
    const handles = await Promise.all(
      Object.entries(kinds).flatMap(([kind, count]) =>
        Array.from({ length: count }, (_, n) => this.#start(kind as ServiceKind, n + 1, options)),
      ),
    );
    const gateways = handles.filter(({ kind }) => kind === 'gateway');
    return {
      size,
      secret: SECRET,
      urls: gateways.map(({ http }) => webSocketUrl(http)),
      roles: [
        ...handles.map(({ kind, handle: { name, pid } }) => ({ name, role: kind, pid })),
        ...this.roles,
      ],
      stop: async () => {
        const [first, others] = [gateways, handles.filter((one) => !gateways.includes(one))];
        for (const group of [first, others]) await Promise.all(group.map(({ handle }) => handle.stop()));
      },
    };
  }

  async stop(): Promise<void> {
    await Promise.all(this.#handles.map((handle) => handle.stop()));
  }

  async #start(kind: ServiceKind, n: number, { env = {}, profiles }: WorldOptions) {
    const name = `${kind}-${n}`;
    const { dataDir } = this;
    const addresses = { AMQP_URL: this.amqpUrl, QUEUE_SETTLE_MS: '0' };
    const own =
      kind === 'gateway'
        ? { DATABASE_URL: undefined, AUTH_SECRET: SECRET, GATEWAY_ID: name, ...NO_LIMITS }
        : { DATABASE_URL: this.databaseUrl };
    const profile = profiles === undefined ? undefined : `--cpu-prof --cpu-prof-dir=${join(profiles, name)}`;
    const spec = service({
      kind,
      name,
      port: await freePort(),
      dataDir,
      logFile: join(dataDir, 'logs', `${name}.log`),
      env: { NODE_ENV: undefined, NODE_OPTIONS: profile, ...addresses, ...own, ...env },
    });
    return { kind, http: spec.http, handle: await ProcessHandle.start(spec) };
  }
}
