import type { ChannelModel, ConfirmChannel, Message } from 'amqplib';
import { BrokerError } from './errors.ts';

/** A channel for one destination. */
interface Lane {
  readonly channel: Promise<ConfirmChannel>;
  /** Messages without their confirm. */
  unconfirmed: number;
  /** Nothing more is published on it; closed with its last confirm. */
  retired: boolean;
}

/**
 * Publishes with confirms. Every message is persistent and mandatory: it is confirmed only when a queue has it.
 * (RabbitMQ: an unroutable message is confirmed too, but its basic.return arrives before that.)
 *
 * Each destination has a channel of its own, and another one when something was not confirmed. RabbitMQ 3.10 lets a
 * channel wait for a minute that publishes to a quorum queue while that has no leader (its node was killed), also when
 * there is a new leader at once, and everything else on that channel waits with it. A channel whose first publish goes
 * to a leader that was just killed nacks that and all that follow, for as long as it lives.
 */
export class Publisher {
  #connection: ChannelModel | undefined;
  readonly #lanes = new Map<string, Lane>();
  readonly #blocked: () => boolean;
  readonly #returned = new Set<string>();
  #waiting: (() => void)[] = [];
  #count = 0;
  #stopped = false;

  /** @param blocked whether the broker refuses publishes at the moment */
  constructor(blocked: () => boolean) {
    this.#blocked = blocked;
  }

  /** @param prepare what must be there before the first publish */
  async open(connection: ChannelModel, prepare: (channel: ConfirmChannel) => Promise<void>): Promise<void> {
    const channel = await connection.createConfirmChannel();
    channel.on('error', () => undefined); // prepare fails with it
    await prepare(channel);
    void channel.close().catch(() => undefined); // nothing depends on it
    this.#connection = connection;
    for (const wake of this.#waiting.splice(0)) wake();
  }

  close(): void {
    this.#connection = undefined;
    this.#lanes.clear();
    this.#returned.clear();
  }

  /** Nothing is published any more; who waits for a connection is told. */
  stop(): void {
    this.#stopped = true;
    this.#connection = undefined;
    for (const wake of this.#waiting.splice(0)) wake();
  }

  get stopped(): boolean {
    return this.#stopped;
  }

  /** Resolves when there is a connection again, or nothing to wait for. */
  async ready(): Promise<void> {
    if (this.#connection || this.#stopped) return;
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  /**
   * Resolves when the broker has confirmed the message. Messages to one destination keep their order, except that one
   * that was not confirmed in time may still arrive, behind later ones.
   *
   * @param timeoutMs give up waiting after this long
   * @throws BrokerError
   */
  async publish(exchange: string, routingKey: string, content: Buffer, timeoutMs: number): Promise<void> {
    if (this.#stopped) throw new BrokerError('stopped');
    if (this.#blocked()) throw new BrokerError('blocked');
    if (!this.#connection) throw new BrokerError('not_connected');
    const destination = nameOf(exchange, routingKey);
    const lane = this.#lanes.get(destination) ?? this.#open(this.#connection, destination);
    lane.unconfirmed++;
    await new Promise<void>((resolve, reject) => {
      const fail = (error: BrokerError) => {
        // The next message takes a fresh channel, which finds the queue's leader if there is one by then.
        if (error.code === 'timeout' || error.code === 'nacked') this.#retire(destination, lane);
        reject(error);
      };
      const late = setTimeout(() => fail(new BrokerError('timeout')), timeoutMs);
      lane.channel
        .then((open) => this.#send(open, exchange, routingKey, content))
        .then(resolve, (cause: unknown) =>
          fail(cause instanceof BrokerError ? cause : new BrokerError('closed', { cause })),
        )
        .finally(() => {
          clearTimeout(late);
          lane.unconfirmed--;
          if (lane.retired) this.#retire(destination, lane);
        });
    });
  }

  /** Nothing more goes there for now. */
  release(exchange: string, routingKey: string): void {
    const destination = nameOf(exchange, routingKey);
    const lane = this.#lanes.get(destination);
    if (lane) this.#retire(destination, lane);
  }

  /** Others may still wait for confirms on it: a close would lose those. */
  #retire(destination: string, lane: Lane): void {
    lane.retired = true;
    if (this.#lanes.get(destination) === lane) this.#lanes.delete(destination);
    if (lane.unconfirmed > 0) return;
    void lane.channel.then((open) => open.close()).catch(() => undefined); // closed already
  }

  #open(connection: ChannelModel, destination: string): Lane {
    const channel = openChannel(connection, (message) =>
      this.#returned.add(String(message.properties.messageId)),
    );
    const lane: Lane = { channel, unconfirmed: 0, retired: false };
    this.#lanes.set(destination, lane);
    channel.catch(() => this.#retire(destination, lane));
    return lane;
  }

  #send(channel: ConfirmChannel, exchange: string, routingKey: string, content: Buffer): Promise<void> {
    const messageId = String(++this.#count);
    const options = { persistent: true, mandatory: true, messageId };
    const connection = this.#connection;
    return new Promise((resolve, reject) => {
      // amqplib throws on a channel that is closing
      channel.publish(exchange, routingKey, content, options, (error: unknown) => {
        const unroutable = this.#returned.delete(messageId);
        const isOpen = connection !== undefined && this.#connection === connection;
        if (error) reject(new BrokerError(isOpen ? 'nacked' : 'closed', { cause: error }));
        else if (unroutable) reject(new BrokerError('unroutable'));
        else resolve();
      });
    });
  }
}

async function openChannel(
  connection: ChannelModel,
  onReturn: (message: Message) => void,
): Promise<ConfirmChannel> {
  const channel = await connection.createConfirmChannel();
  // A channel error closes the connection's whole set-up: simpler to reason about than a half-open link.
  channel.on('error', () => void connection.close().catch(() => undefined));
  channel.on('return', onReturn);
  return channel;
}

const nameOf = (exchange: string, routingKey: string) => `${exchange} ${routingKey}`;
