import { join } from 'node:path';
import pg from 'pg';
import { freePort } from '../../tools/stack/ports.ts';
import type { PrivateNetwork } from '../../tools/stack/private-network.ts';
import type { ServiceKind } from '../../tools/stack/service.ts';
import { signToken } from '../../tools/stack/token.ts';
import { deleteVirtualHost, quorumQueues, type QueueState, setAlarm } from './broker-admin.ts';
import { dropDatabase } from './database-admin.ts';
import type { Addresses, Infrastructure } from './infrastructure.ts';
import { type Metrics, readMetrics } from './metrics.ts';
import type { ProcessHandle } from '../../tools/stack/process-handle.ts';
import { ServiceHandle } from './service-handle.ts';

/** What a stack stands on; see `startStack`. */
export interface StackGround {
  /** Name of its virtual host and of its database. */
  name: string;
  addresses: Addresses;
  /** Set when broker and database are this stack's own. */
  own: Infrastructure | undefined;
  databaseUrl: string;
  env: NodeJS.ProcessEnv;
  servicesDir: string | undefined;
}

/** The shared broker is not killed: its queues need no time to settle, and on a busy machine it may well take its time. */
const CALM = { QUEUE_SETTLE_MS: '0', CONFIRM_TIMEOUT_MS: '20000', LOGIN_TIMEOUT_MS: '30000' };

/** A running stack in the hands of a test. */
export class Stack implements AsyncDisposable {
  readonly gateways: ServiceHandle[] = [];
  readonly routing: ServiceHandle[] = [];
  readonly ack: ServiceHandle[] = [];
  /** As in AMQP_URL: of a cluster, the addresses of all nodes. */
  readonly amqpUrl: string;
  readonly databaseUrl: string;
  /** Key of the tokens, shared with the gateways. */
  readonly secret = 'the secret of the system tests, long enough for HS256';
  readonly #ground: StackGround;
  readonly #pool: pg.Pool;
  #stopping: Promise<void> | undefined;
  readonly #started: Record<ServiceKind, number> = { gateway: 0, routing: 0, ack: 0 };

  constructor(ground: StackGround) {
    this.#ground = ground;
    this.amqpUrl = ground.addresses.amqpUrl
      .split(',')
      .map((url) => `${url}/${ground.name}`)
      .join(',');
    this.databaseUrl = ground.databaseUrl;
    this.#pool = new pg.Pool({ connectionString: ground.databaseUrl, max: 2 });
    this.#pool.on('error', () => undefined); // a test may end the database
  }

  /** The stack's own broker. @throws Error without `ownInfrastructure`. */
  get rabbitmq(): ProcessHandle {
    return this.#own().rabbitmq[0];
  }

  /** The nodes of the stack's own cluster. @throws Error without `ownInfrastructure` or `cluster`. */
  get brokerNodes(): ProcessHandle[] {
    return this.#own().rabbitmq;
  }

  /** The network between the nodes. @throws Error without `silenceS` */
  get network(): PrivateNetwork {
    const { network } = this.#own();
    if (!network) throw new Error('the nodes of this broker share a machine');
    return network;
  }

  /** How to reach the broker and the database that the stack stands on. */
  get addresses(): Addresses {
    return this.#ground.addresses;
  }

  /** The stack's own database server. @throws Error without `ownInfrastructure`. */
  get postgres(): ProcessHandle {
    return this.#own().postgres;
  }

  /** One more gateway, ready; `env` on top of the stack's. */
  addGateway(env: NodeJS.ProcessEnv = {}): Promise<ServiceHandle> {
    return this.#add('gateway', this.gateways, env);
  }

  /** One more routing instance, ready; `env` on top of the stack's. */
  addRouting(env: NodeJS.ProcessEnv = {}): Promise<ServiceHandle> {
    return this.#add('routing', this.routing, env);
  }

  /** One more ack instance, ready; `env` on top of the stack's. */
  addAck(env: NodeJS.ProcessEnv = {}): Promise<ServiceHandle> {
    return this.#add('ack', this.ack, env);
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
  token(user: string, options: { expires?: number; secret?: string } = {}): Promise<string> {
    return signToken(options.secret ?? this.secret, user, options.expires);
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
    const { own, addresses, name } = this.#ground;
    const failures: unknown[] = [];
    const settle = async (...tasks: Promise<unknown>[]) => {
      for (const outcome of await Promise.allSettled(tasks)) {
        if (outcome.status === 'rejected') failures.push(outcome.reason);
      }
    };
    await settle(...this.gateways.splice(0).map((handle) => handle.stop()));
    await settle(...[...this.routing.splice(0), ...this.ack.splice(0)].map((handle) => handle.stop()));
    await settle(this.#pool.end());
    if (own) await settle(own.stop());
    else await settle(dropDatabase(addresses.databaseUrl, name), deleteVirtualHost(addresses, name));
    if (failures.length > 0) throw new AggregateError(failures, failures.map(String).join('\n'));
  }

  async #add(kind: ServiceKind, list: ServiceHandle[], env: NodeJS.ProcessEnv): Promise<ServiceHandle> {
    const name = `${kind}-${++this.#started[kind]}`;
    const { dataDir } = this.#ground.addresses;
    const own =
      kind === 'gateway'
        ? { DATABASE_URL: undefined, AUTH_SECRET: this.secret, GATEWAY_ID: name }
        : { DATABASE_URL: this.databaseUrl };
    const calm = this.#ground.own ? {} : CALM;
    const handle = await ServiceHandle.startService({
      kind,
      name,
      port: await freePort(),
      dataDir,
      logFile: join(dataDir, 'logs', `${this.#ground.name}-${name}.log`),
      env: { AMQP_URL: this.amqpUrl, ...own, ...calm, ...this.#ground.env, ...env },
      servicesDir: this.#ground.servicesDir,
    });
    list.push(handle);
    list.sort((a, b) => a.name.localeCompare(b.name, 'en', { numeric: true })); // they become ready in any order
    return handle;
  }

  #own(): Infrastructure {
    const { own } = this.#ground;
    if (!own) throw new Error('start the stack with `ownInfrastructure: true` to end its broker or database');
    return own;
  }
}
