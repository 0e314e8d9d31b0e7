import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../stack/ports.ts';
import { postgres } from '../stack/postgres.ts';
import { ProcessHandle } from '../testkit/process-handle.ts';
import { ensureRabbitMq } from '../stack/rabbitmq-install.ts';
import { rabbitMq } from '../stack/rabbitmq.ts';
import { service, type ServiceKind, webSocketUrl } from '../stack/service.ts';
import type { Target } from './clients/log-in.ts';
import type { Role } from './meter.ts';
import type { Backends, Size } from './options.ts';

const SECRET = 'the secret of the load test, long enough for HS256';

export interface ServicesOptions {
  /** On top of the environment of all services, and of gateways only. */
  env: NodeJS.ProcessEnv;
  gatewayEnv: NodeJS.ProcessEnv;
  /** Of Node, by the name of the process. */
  nodeOptions: (name: string) => string | undefined;
}

/** Services that run. */
export interface Services {
  readonly size: Size;
  readonly target: Target;
  readonly gateways: readonly { http: string; pid: number }[];
  /** All server processes: services, broker and database. */
  readonly roles: readonly Role[];
  stop(): Promise<void>;
}

/** A broker and a database of the run's own, unless there are some already. */
export class Environment {
  readonly dataDir: string;
  readonly backends: Backends;
  /** Backends that were started here. */
  readonly roles: readonly Role[];
  readonly #handles: readonly ProcessHandle[];

  private constructor(dataDir: string, backends: Backends, handles: readonly ProcessHandle[]) {
    this.dataDir = dataDir;
    this.backends = backends;
    this.#handles = handles;
    this.roles = handles.map(({ name, pid }) => ({ name, role: name, pid }));
  }

  static async start(dataDir: string, backends?: Backends): Promise<Environment> {
    chmodSync(dataDir, 0o755); // the database runs as another user
    if (backends) return new Environment(dataDir, backends, []);
    await ensureRabbitMq();
    const logFile = (name: string) => join(dataDir, 'logs', `${name}.log`);
    const ports = { port: await freePort(), distributionPort: await freePort(), epmdPort: await freePort() };
    const broker = rabbitMq({ dataDir, ...ports, logFile: logFile('rabbitmq') });
    const database = postgres({ dataDir, port: await freePort(), logFile: logFile('postgres') });
    const handles = await Promise.all([broker, database].map((spec) => ProcessHandle.start(spec)));
    return new Environment(dataDir, { amqpUrl: broker.url, databaseUrl: database.url }, handles);
  }

  /** Starts services, and waits until they are ready. */
  async services(size: Size, options: ServicesOptions): Promise<Services> {
    const kinds = { gateway: size.gateways, routing: size.routing, ack: size.ack };
    const started = await Promise.all(
      Object.entries(kinds).flatMap(([kind, count]) =>
        Array.from({ length: count }, (_, n) => this.#start(kind as ServiceKind, n + 1, options)),
      ),
    );
    const [gateways, others] = [true, false].map((first) =>
      started.filter(({ kind }) => (kind === 'gateway') === first),
    ) as [typeof started, typeof started];
    return {
      size,
      target: { secret: SECRET, urls: gateways.map(({ http }) => webSocketUrl(http)) },
      gateways: gateways.map(({ http, handle }) => ({ http, pid: handle.pid })),
      roles: [
        ...started.map(({ kind, handle: { name, pid } }) => ({ name, role: kind, pid })),
        ...this.roles,
      ],
      stop: async () => {
        for (const group of [gateways, others]) await Promise.all(group.map(({ handle }) => handle.stop()));
      },
    };
  }

  async stop(): Promise<void> {
    await Promise.all(this.#handles.map((handle) => handle.stop()));
  }

  async #start(kind: ServiceKind, n: number, { env, gatewayEnv, nodeOptions }: ServicesOptions) {
    const name = `${kind}-${n}`;
    const { amqpUrl, databaseUrl } = this.backends;
    const common = {
      NODE_ENV: undefined,
      NODE_OPTIONS: nodeOptions(name),
      AMQP_URL: amqpUrl,
      QUEUE_SETTLE_MS: '0',
    };
    const own =
      kind === 'gateway'
        ? { DATABASE_URL: undefined, AUTH_SECRET: SECRET, GATEWAY_ID: name, ...gatewayEnv }
        : { DATABASE_URL: databaseUrl };
    const spec = service({
      kind,
      name,
      port: await freePort(),
      dataDir: this.dataDir,
      logFile: join(this.dataDir, 'logs', `${name}.log`),
      env: { ...common, ...own, ...env },
    });
    return { kind, http: spec.http, handle: await ProcessHandle.start(spec) };
  }
}
