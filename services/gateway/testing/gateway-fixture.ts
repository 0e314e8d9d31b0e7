import type { ChannelModel, ConsumeMessage } from 'amqplib';
import pino from 'pino';
import { DeadLetters } from '#libs/broker/dead-letters.ts';
import { BrokerError } from '#libs/broker/errors.ts';
import type { GatewayEntry, RouteEntry } from '#libs/broker/entries.ts';
import type { Publisher } from '#libs/broker/publisher.ts';
import { GATEWAY_EXCHANGE } from '#libs/broker/topology.ts';
import type { ServerPacket } from '#libs/protocol/server-packets.ts';
import { readGatewayConfig } from '../config.ts';
import { Incarnation } from '../incarnation.ts';
import { Gateway } from '../gateway.ts';
import { GatewayConsumer } from '../gateway-consumer.ts';
import { LoginState } from '../login-state.ts';
import { Publishers } from '../publishers.ts';
import type { ClientConnection } from '../session.ts';

export const LEASE_MS = 3_000;
export const LOGIN_TIMEOUT_MS = 5_000;

type Consumer = (message: ConsumeMessage | null) => void;
type Entry<K> = Extract<RouteEntry, { kind: K }>;

/** Settings of a gateway whose queues need no time to settle. */
const config = readGatewayConfig({
  AUTH_SECRET: 'a secret of the unit tests, long enough for HS256',
  GATEWAY_ID: 'gateway',
  QUEUE_SETTLE_MS: '0',
  ROUTE_PARTITIONS: '1',
  GATEWAY_LEASE_MS: String(LEASE_MS),
  LOGIN_TIMEOUT_MS: String(LOGIN_TIMEOUT_MS),
});

/** A gateway without sockets and without a broker: a test sees what it publishes, and says what comes through its queue. */
export class GatewayFixture {
  /** Entries for routing, and those that went back, in order. */
  readonly routed: RouteEntry[] = [];
  readonly returned: GatewayEntry[] = [];
  /** What it sent to other gateways, by their names. */
  readonly sent: [gateway: string, entry: GatewayEntry][] = [];
  /** Other gateways whose queues confirm nothing. */
  readonly silent = new Set<string>();
  readonly warnings: string[] = [];
  /** Queues that it declared. */
  readonly queues: string[] = [];
  /** Whether the broker takes what is published, and hands on what is published to the exchange. */
  broker: 'up' | 'silent' | 'down' = 'up';
  bound = true;
  readonly incarnation: Incarnation;
  readonly gateway: Gateway;
  #consumer: Consumer = () => undefined;
  #tag = 0;

  constructor() {
    const publisher = this.#publisher();
    const log = pino({ level: 'warn' }, { write: (line: string) => void this.warnings.push(line) });
    const publishers = new Publishers(publisher, config);
    this.incarnation = new Incarnation(config, publishers, log);
    const verify = (user: string) =>
      Promise.resolve({
        user,
        expiresAt: Number.MAX_SAFE_INTEGER,
        issuedAt: undefined,
        canSend: undefined,
        service: undefined,
      });
    this.gateway = new Gateway({
      config,
      verify,
      authorizer: undefined,
      publishers,
      signals: { send: () => undefined },
      incarnation: this.incarnation,
      log,
    });
    const resetConsuming = () => void this.reconnect();
    this.incarnation.ownedBy(
      new GatewayConsumer(this.gateway, new DeadLetters(publisher), {
        resetConsuming,
        pauseConsuming: () => undefined,
      }),
    );
  }

  /** The connection to the broker is there. */
  async connect(): Promise<void> {
    await this.incarnation.open({
      createChannel: () => Promise.resolve(this.#channel()),
    } as unknown as ChannelModel);
  }

  /** It is lost, and comes back. */
  async reconnect(): Promise<void> {
    this.incarnation.close();
    await this.connect();
  }

  /** What comes through the gateway's queue, in one AMQP message. */
  deliver(...entries: GatewayEntry[]): void {
    this.#arrive(Buffer.from(JSON.stringify(entries)), GATEWAY_EXCHANGE);
  }

  /** The queue was deleted: the broker cancels the consumer. */
  cancel(): void {
    this.#consumer(null);
  }

  of<K extends RouteEntry['kind']>(kind: K): Entry<K>[] {
    return this.routed.filter((entry): entry is Entry<K> => entry.kind === kind);
  }

  /** Routing answers the latest renewal. */
  grant(presence = 'p', missing?: string[]): void {
    this.deliver({ kind: 'lease-granted', presence, asked: this.of('lease').at(-1)?.asked, missing });
  }

  /** A client whose login:R has come. */
  login(user: string): { connection: ClientConnection; packets: ServerPacket[]; types: () => string[] } {
    const packets: ServerPacket[] = [];
    const stub = {
      open: true,
      writable: true,
      address: '127.0.0.1',
      session: undefined,
      login: new LoginState(Infinity),
      send: (_type: string, text: string) => void packets.push(JSON.parse(text) as ServerPacket),
      error: (code: string) => void packets.push({ type: 'error', code } as ServerPacket),
      bye: (reason: string) => void packets.push({ type: 'bye', reason } as ServerPacket),
      leave: () => undefined,
      finish: () => undefined,
    };
    const connection = stub as unknown as ClientConnection;
    this.gateway.opened(connection);
    void this.gateway.receive(connection, JSON.stringify({ type: 'login:R', token: user }));
    return { connection, packets, types: () => packets.map(({ type }) => type) };
  }

  #arrive(content: Buffer, exchange: string): void {
    const fields = {
      deliveryTag: ++this.#tag,
      exchange,
      routingKey: this.incarnation.name,
      redelivered: false,
    };
    this.#consumer({ content, fields } as ConsumeMessage);
  }

  #channel(): unknown {
    const done = () => Promise.resolve();
    return {
      assertQueue: (queue: string) => Promise.resolve(this.queues.push(queue)),
      bindQueue: done,
      prefetch: done,
      consume: (_queue: string, consumer: Consumer) => {
        this.#consumer = consumer;
        return done();
      },
      on: () => undefined,
      ack: () => undefined,
      close: done,
    };
  }

  #publisher(): Publisher {
    const publish = (exchange: string, routingKey: string, content: Buffer, timeoutMs: number) => {
      if (this.broker === 'down') return Promise.reject(new BrokerError('not_connected'));
      if (this.broker === 'silent' || this.silent.has(routingKey))
        return new Promise((_resolve, reject) => {
          setTimeout(() => reject(new BrokerError('timeout')), timeoutMs);
        });
      const entries = JSON.parse(content.toString()) as never[];
      if (exchange === GATEWAY_EXCHANGE && routingKey !== this.incarnation.name)
        for (const entry of entries) this.sent.push([routingKey, entry]);
      else if (exchange === GATEWAY_EXCHANGE) {
        if (this.bound) this.#arrive(content, exchange);
      } else if (routingKey === 'sixfold.returned') this.returned.push(...entries);
      else this.routed.push(...entries);
      return Promise.resolve();
    };
    return { publish, release: () => undefined, ready: () => Promise.resolve() } as unknown as Publisher;
  }
}
