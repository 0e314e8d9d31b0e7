import type { JWTPayload } from 'jose';
import pg from 'pg';
import { signToken } from '../../tools/stack/token.ts';
import { type Addresses, type Backends, failuresOf } from '../../tools/testkit/backends.ts';
import { Environment } from '../../tools/testkit/environment.ts';
import type { ProcessHandle } from '../../tools/testkit/process-handle.ts';
import type { ServiceHandle } from '../../tools/testkit/service-handle.ts';
import { deleteVirtualHost, quorumQueues, type QueueState, setAlarm } from './broker-admin.ts';
import { dropDatabase } from './database-admin.ts';
import { watchLog } from './logs.ts';
import { type Metrics, readMetrics } from './metrics.ts';
import type { PrivateNetwork } from './private-network.ts';

/** What a stack stands on; see `startStack`. */
export interface StackGround {
  /** Name of its virtual host and of its database. */
  name: string;
  addresses: Addresses;
  /** Set when broker and database are this stack's own. */
  own: Backends | undefined;
  /** Set when the nodes of its broker have machines of their own. */
  network: PrivateNetwork | undefined;
  databaseUrl: string;
  env: NodeJS.ProcessEnv;
  /** Work tree whose services run. */
  root: string | undefined;
}

/** The shared broker is not killed: its queues need no time to settle, and on a busy machine it may well take its time. */
const CALM = { QUEUE_SETTLE_MS: '0', CONFIRM_TIMEOUT_MS: '20000', LOGIN_TIMEOUT_MS: '30000' };

/** A running stack in the hands of a test. */
export class Stack implements AsyncDisposable {
  /** As in AMQP_URL: of a cluster, the addresses of all nodes. */
  readonly amqpUrl: string;
  readonly databaseUrl: string;
  /** Key of the tokens, shared with the gateways. */
  readonly secret: string;
  readonly #ground: StackGround;
  readonly #environment: Environment;
  readonly #pool: pg.Pool;
  #stopping: Promise<void> | undefined;

  private constructor(ground: StackGround, environment: Environment) {
    this.#ground = ground;
    this.#environment = environment;
    this.amqpUrl = environment.amqpUrls.join(',');
    this.databaseUrl = ground.databaseUrl;
    this.secret = environment.secret;
    this.#pool = new pg.Pool({ connectionString: ground.databaseUrl, max: 2 });
    this.#pool.on('error', () => undefined); // a test may end the database
  }

  /** A stack without services, in its virtual host and database. */
  static async on(ground: StackGround): Promise<Stack> {
    const { name, addresses, databaseUrl, env, own, root } = ground;
    const urls = addresses.amqpUrl.split(',').map((url) => `${url}/${name}`);
    const environment = await Environment.start({
      dataDir: addresses.dataDir,
      secret: 'the secret of the system tests, long enough for HS256',
      ground: { amqpUrl: urls.join(','), databaseUrl },
      env: { ...(own ? {} : CALM), ...env },
      root,
      logPrefix: `${name}-`,
      watch: (spec) => watchLog(spec.name, spec.logFile),
    });
    return new Stack(ground, environment);
  }

  get gateways(): ServiceHandle[] {
    return this.#environment.of('gateway');
  }

  get routing(): ServiceHandle[] {
    return this.#environment.of('routing');
  }

  get ack(): ServiceHandle[] {
    return this.#environment.of('ack');
  }

  get webhook(): ServiceHandle[] {
    return this.#environment.of('webhook');
  }

  /** The stack's own broker. @throws Error without `ownInfrastructure`. */
  get rabbitmq(): ProcessHandle {
    return this.#own().brokers[0];
  }

  /** The nodes of the stack's own cluster. @throws Error without `ownInfrastructure` or `cluster`. */
  get brokerNodes(): ProcessHandle[] {
    return this.#own().brokers;
  }

  /** The network between the nodes. @throws Error without `silenceS` */
  get network(): PrivateNetwork {
    const { network } = this.#ground;
    if (!network) throw new Error('the nodes of this broker share a machine');
    return network;
  }

  /** How to reach the broker and the database that the stack stands on. */
  get addresses(): Addresses {
    return this.#ground.addresses;
  }

  /** The stack's own database server. @throws Error without `ownInfrastructure`. */
  get postgres(): ProcessHandle {
    return this.#own().database;
  }

  /** More services, ready; `env` on top of the stack's. */
  add(...args: Parameters<Environment['add']>): Promise<ServiceHandle[]> {
    return this.#environment.add(...args);
  }

  /** One more gateway, ready; `env` on top of the stack's. */
  addGateway(env: NodeJS.ProcessEnv = {}): Promise<ServiceHandle> {
    return this.#environment.addOne('gateway', env);
  }

  /** One more routing instance, ready; `env` on top of the stack's. */
  addRouting(env: NodeJS.ProcessEnv = {}): Promise<ServiceHandle> {
    return this.#environment.addOne('routing', env);
  }

  /** One more ack instance, ready; `env` on top of the stack's. */
  addAck(env: NodeJS.ProcessEnv = {}): Promise<ServiceHandle> {
    return this.#environment.addOne('ack', env);
  }

  /** One more webhook instance, ready; `env` on top of the stack's. */
  addWebhook(env: NodeJS.ProcessEnv = {}): Promise<ServiceHandle> {
    return this.#environment.addOne('webhook', env);
  }

  /** A console, ready; it sees the services that run now. @param env with its CONSOLE_TOKEN */
  addConsole(env: NodeJS.ProcessEnv): Promise<ServiceHandle> {
    const parts = this.#environment.services.map(({ name, http }) => `${name}=${http}`);
    return this.#environment.addOne('console', { METRICS_URLS: parts.join(','), ...env });
  }

  /** Rows of one SQL statement in the stack's database. */
  async sql(text: string, params: unknown[] = []): Promise<Record<string, unknown>[]> {
    return (await this.#pool.query<Record<string, unknown>>(text, params)).rows;
  }

  /** What the broker knows of the stack's queues. @param ask which node to ask, such as `sixfold2@localhost` */
  queues(ask?: string): Promise<QueueState[]> {
    return quorumQueues(this.#ground.addresses, this.#ground.name, ask);
  }

  /** Raises or clears a resource alarm of the stack's own broker, which then takes nothing from publishers. */
  alarm(kind: 'memory' | 'disk', raise: boolean): Promise<void> {
    this.#own(); // not of the one that all share
    return setAlarm(this.#ground.addresses, kind, raise);
  }

  /** A token for `user`; `expires` in seconds from now (default 3,600, may be negative). */
  token(
    user: string,
    options: { expires?: number; secret?: string; claims?: JWTPayload } = {},
  ): Promise<string> {
    return signToken(options.secret ?? this.secret, user, options.expires, options.claims);
  }

  /** A token that acts over HTTP as these users; its `sub` is `service`. */
  serviceToken(as: string[], scopes: string[]): Promise<string> {
    return this.token('service', { claims: { sixfold: { as, scopes } } });
  }

  /** The metrics of one service process, now. */
  metrics(handle: ServiceHandle): Promise<Metrics> {
    return readMetrics(handle.http);
  }

  /**
   * Stops the gateways, then routing and ack, and removes the virtual host and the database.
   * @throws AggregateError when a service had crashed, hung, or ended with another code than 0.
   */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #stop(): Promise<void> {
    const { own, network, addresses, name } = this.#ground;
    const failures = await this.#environment.stop();
    const left = own ? [] : [dropDatabase(addresses.databaseUrl, name), deleteVirtualHost(addresses, name)];
    failures.push(...(await failuresOf([this.#pool.end()])), ...(await failuresOf(left)));
    failures.push(...((await own?.stop()) ?? []), ...(await failuresOf(network ? [network.close()] : [])));
    if (failures.length > 0) throw new AggregateError(failures, failures.join('\n'));
  }

  #own(): Backends {
    const { own } = this.#ground;
    if (!own) throw new Error('start the stack with `ownInfrastructure: true` to end its broker or database');
    return own;
  }
}
