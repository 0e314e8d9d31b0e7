import type { ChannelModel } from 'amqplib';
import { ConfigError } from '#libs/runtime/config.ts';
import type { Logger } from '#libs/runtime/logger.ts';
import { flushAcks } from './ack-batcher.ts';
import { ReconnectingConnection } from './reconnecting-connection.ts';
import { brokerConnected } from './metrics.ts';
import { Publisher } from './publisher.ts';
import { declareTopology, type QueueType, type Topology } from './topology.ts';

export interface BrokerOptions {
  /** Connection name, shown in RabbitMQ's management UI. */
  name: string;
  config: {
    AMQP_URL: string[];
    AMQP_CA?: string | undefined;
    AMQP_HEARTBEAT_S: number;
    QUEUE_TYPE: QueueType;
    ROUTE_PARTITIONS: number;
    /** Types of events that are published, where the service has to do with any. */
    EVENTS?: readonly string[];
  };
  log: Logger;
}

/** Sets up and tears down what lives on one connection. */
export interface ConnectionSetup {
  open: (connection: ChannelModel) => Promise<void>;
  close: () => void;
}

/** The connection that signals take. */
export type SignalConnection = Pick<ReconnectingConnection, 'blocked' | 'reset' | 'stop'>;

/**
 * A service's connections to RabbitMQ: one that publishes and one that consumes. A resource alarm blocks publishing
 * connections, including acknowledgements sent on them.
 */
export class Broker {
  readonly publisher: Publisher;
  readonly topology: Topology;
  readonly #options: BrokerOptions;
  readonly #publishing: ReconnectingConnection;
  #consuming: ReconnectingConnection | undefined;

  /** @throws ConfigError when a CA is set for a connection that would not be encrypted */
  constructor(options: BrokerOptions) {
    this.#options = options;
    const { AMQP_URL, AMQP_CA, QUEUE_TYPE, ROUTE_PARTITIONS, EVENTS = [] } = options.config;
    if (AMQP_CA !== undefined && !AMQP_URL.every((url) => url.startsWith('amqps:')))
      throw new ConfigError(
        'AMQP_CA needs amqps:// addresses in AMQP_URL: with amqp:// nothing is encrypted',
      );
    this.topology = { queueType: QUEUE_TYPE, partitions: ROUTE_PARTITIONS, events: EVENTS.length > 0 };
    this.publisher = new Publisher(
      () => this.#publishing.blocked,
      () => this.#publishing.reset(),
    );
    this.#publishing = this.#connect('publish', {
      open: (connection) =>
        this.publisher.open(connection, (channel) => declareTopology(channel, this.topology)),
      close: () => this.publisher.close(),
    });
  }

  /** Begins to consume; `consuming` is opened anew with each connection. */
  consume(consuming: ConnectionSetup): void {
    this.#consuming = this.#connect('consume', {
      open: async (connection) => {
        const channel = await connection.createChannel();
        await declareTopology(channel, this.topology);
        void channel.close().catch(() => undefined); // best effort
        await this.publisher.ready(); // consumers publish
        await consuming.open(connection);
      },
      close: consuming.close,
    });
  }

  /**
   * Opens a connection for signals alone: a flood of them fills no socket that messages take. The service works
   * without it.
   */
  connectSignals(setup: ConnectionSetup): SignalConnection {
    return this.#connect('signal', setup);
  }

  /** The broker accepts publishes: connected, no resource alarm. */
  get acceptsPublishes(): boolean {
    return this.#publishing.up && !this.#publishing.blocked;
  }

  /** The publishing connection is up. A resource alarm does not count here: it blocks all instances alike. */
  get publishingConnected(): boolean {
    return this.#publishing.up;
  }

  /** Both connections are up and set up. */
  get connected(): boolean {
    return this.#publishing.up && this.#consuming?.up === true;
  }

  /** Drops the consuming connection; a new one follows. */
  readonly resetConsuming = (): void => {
    flushAcks();
    this.#consuming?.reset();
  };

  /** Pauses or resumes reading from the consuming connection; for seconds at most (amqp-socket.ts). */
  readonly pauseConsuming = (paused: boolean): void => {
    this.#consuming?.pause(paused);
  };

  async stopConsuming(): Promise<void> {
    flushAcks();
    await this.#consuming?.stop();
  }

  async stopPublishing(): Promise<void> {
    this.publisher.stop();
    await this.#publishing.stop();
  }

  #connect(role: string, { open, close }: ConnectionSetup): ReconnectingConnection {
    const { name, config, log } = this.#options;
    return new ReconnectingConnection({
      name: `${name} ${role}`,
      urls: config.AMQP_URL,
      ca: config.AMQP_CA,
      heartbeatS: config.AMQP_HEARTBEAT_S,
      log,
      onUp: open,
      onDown: close,
      onChange: () => brokerConnected.set(this.connected ? 1 : 0),
    });
  }
}
