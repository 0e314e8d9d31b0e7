import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import type { ManagedProcess } from '../stack/managed-process.ts';
import { freePort } from '../stack/ports.ts';
import type { ServiceKind } from '../stack/service.ts';
import { type BackendOptions, type Backends, failuresOf, startBackends } from './backends.ts';
import { type Middleman, type PgBouncerOptions, pgBouncer } from './middleman.ts';
import type { ProcessHandle } from './process-handle.ts';
import { ServiceHandle } from './service-handle.ts';

/**
 * A system of real processes for tests, chaos, fuzz, benchmark and attack.
 *
 *     await using system = await Environment.start({ dataDir, secret, env: { QUEUE_SETTLE_MS: '0' } });
 *     await system.add({ gateway: 2, routing: 1, ack: 1 });           // all ready: gateway-1, gateway-2, routing-1, ack-1
 *     const [gateway] = system.of('gateway');                         // gateway.url, .http, .pid, .kill(), .restart()
 *     const client = await connectRaw(gateway.url, { token: await signToken(secret, 'alice') }); // client.ts
 *
 * Options of `start`: `ground` uses a broker and a database that run already, `backends` configures those it starts
 * (cluster, TLS, …), `pooler` puts PgBouncer before the database, `proxies` puts a TcpProxy on each connection of a service (`gateway.proxies.broker[0].stall()`),
 * `env` may be a function of kind and name, `root` runs the services of another work tree. `add` can be called again,
 * also after `stopServices`. Beside it: `SeededRandom`, `TcpProxy`, `readMetrics`, `processUsage`; in
 * `tools/stack`: `until`, `freePort`, `signToken`.
 */
export class Environment implements AsyncDisposable {
  readonly dataDir: string;
  readonly secret: string;
  /** The addresses of all broker nodes, directly, not through a proxy. */
  readonly amqpUrls: readonly string[];
  /** The database itself, not the pooler before it, nor a proxy. */
  readonly databaseUrl: string;
  /** Set unless `ground` was given. */
  readonly backends: Backends | undefined;
  /** With the option `pooler` only. */
  readonly pooler: ProcessHandle | undefined;
  /** Those that run now, sorted by name. */
  readonly services: ServiceHandle[] = [];
  readonly #options: EnvironmentOptions;
  readonly #parts: Parts;
  readonly #started: Record<ServiceKind, number> = {
    gateway: 0,
    routing: 0,
    ack: 0,
    webhook: 0,
    console: 0,
  };

  private constructor(options: EnvironmentOptions, parts: Parts) {
    this.#options = options;
    this.#parts = parts;
    this.dataDir = options.dataDir;
    this.secret = options.secret;
    this.backends = parts.backends;
    this.pooler = parts.pooler?.process;
    this.amqpUrls = parts.ground.amqpUrl.split(',');
    this.databaseUrl = parts.ground.databaseUrl;
  }

  /** Starts broker and database, unless there is a ground to stand on; services come with `add`. */
  static async start(options: EnvironmentOptions): Promise<Environment> {
    const { dataDir, root, watch } = options;
    chmodSync(dataDir, 0o755); // the database runs as another user
    if (options.ground) return new Environment(options, await withPooler(options, options.ground));
    const backends = await startBackends(dataDir, { root, watch, ...options.backends });
    return new Environment(options, { ...(await withPooler(options, backends.addresses)), backends });
  }

  /** The services of a kind that run now. */
  of(kind: ServiceKind): ServiceHandle[] {
    return this.services.filter((one) => one.kind === kind);
  }

  /** Starts services, all at the same time, and waits until they are ready. @param env on top of everything else */
  async add(
    counts: Partial<Record<ServiceKind, number>>,
    env: NodeJS.ProcessEnv = {},
  ): Promise<ServiceHandle[]> {
    const starts = Object.entries(counts).flatMap(([kind, count]) =>
      Array.from({ length: count }, () => this.addOne(kind as ServiceKind, env)),
    );
    await Promise.allSettled(starts); // what has started is known, so that `stop` ends it
    return Promise.all(starts);
  }

  /** Starts a service, and waits until it is ready. @param env on top of everything else */
  async addOne(kind: ServiceKind, env: NodeJS.ProcessEnv = {}): Promise<ServiceHandle> {
    const name = `${kind}-${++this.#started[kind]}`;
    const { dataDir, root, proxies = false, watch, logPrefix = '' } = this.#options;
    const database = { DATABASE_URL: this.#parts.pooler?.url ?? this.databaseUrl };
    const own: Record<ServiceKind, NodeJS.ProcessEnv> = {
      gateway: { DATABASE_URL: undefined, AUTH_SECRET: this.secret, GATEWAY_ID: name },
      routing: database,
      ack: database,
      webhook: { DATABASE_URL: undefined },
      console: database,
    };
    const options = {
      kind,
      name,
      port: await freePort(),
      dataDir,
      logFile: join(dataDir, 'logs', `${logPrefix}${name}.log`),
      servicesDir: root === undefined ? undefined : join(root, 'services'),
      env: { AMQP_URL: this.amqpUrls.join(','), ...own[kind], ...this.#envOf(kind, name), ...env },
    };
    const handle = await ServiceHandle.startService(options, { behindProxies: proxies, watch });
    this.services.push(handle);
    this.services.sort((a, b) => a.name.localeCompare(b.name, 'en', { numeric: true })); // ready in any order
    return handle;
  }

  /** Ends the services in good order, gateways first. @returns what had crashed, or did not end well */
  async stopServices(): Promise<string[]> {
    const services = this.services.splice(0);
    for (const kind of Object.keys(this.#started)) this.#started[kind as ServiceKind] = 0;
    const isGateway = ({ kind }: ServiceHandle) => kind === 'gateway';
    const failures = [
      ...(await failuresOf(services.filter(isGateway).map((one) => one.stop()))),
      ...(await failuresOf(services.filter((one) => !isGateway(one)).map((one) => one.stop()))),
    ];
    await Promise.all(services.map((one) => one.closeProxies()));
    return failures;
  }

  /** Ends everything that still runs, whatever state it is in. @returns what had crashed, or did not end well */
  async stop(): Promise<string[]> {
    const failures = await this.stopServices();
    failures.push(...(await failuresOf(this.pooler ? [this.pooler.stop()] : [])));
    return [...failures, ...((await this.backends?.stop()) ?? [])];
  }

  /** Like `stop`. @throws Error when something had crashed, or did not end well */
  async [Symbol.asyncDispose](): Promise<void> {
    const failures = await this.stop();
    if (failures.length > 0) throw new Error(failures.join('\n'));
  }

  #envOf(kind: ServiceKind, name: string): NodeJS.ProcessEnv {
    const { env = {} } = this.#options;
    return typeof env === 'function' ? env(kind, name) : env;
  }
}

export interface EnvironmentOptions {
  /** Folder for data and logs; every process carries it as its mark. */
  dataDir: string;
  /** Key of the tokens. */
  secret: string;
  /** A broker (with a virtual host) and a database that run already. */
  ground?: Ground | undefined;
  /** For the broker and the database that are started otherwise. */
  backends?: BackendOptions | undefined;
  /** PgBouncer before the database. */
  pooler?: PgBouncerOptions | undefined;
  /** Of every service. */
  env?: NodeJS.ProcessEnv | ((kind: ServiceKind, name: string) => NodeJS.ProcessEnv) | undefined;
  /** A TcpProxy on each connection of each service. */
  proxies?: boolean | undefined;
  /** Work tree whose services (and database starter) run; default: this one. */
  root?: string | undefined;
  /** Begins the names of the services' logs. */
  logPrefix?: string | undefined;
  /** Called for each process before it starts. */
  watch?: ((spec: ManagedProcess) => void) | undefined;
}

interface Ground {
  amqpUrl: string;
  databaseUrl: string;
}

interface Parts {
  ground: Ground;
  backends?: Backends | undefined;
  pooler?: Middleman | undefined;
}

async function withPooler({ dataDir, pooler }: EnvironmentOptions, ground: Ground): Promise<Parts> {
  return { ground, pooler: pooler && (await pgBouncer(dataDir, ground.databaseUrl, pooler)) };
}
