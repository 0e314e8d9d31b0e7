import type { ChannelModel, ConfirmChannel } from 'amqplib';
import { BrokerError } from './errors.ts';
import { DestinationChannel } from './destination-channel.ts';
import { channelsLost, closingChannels } from './metrics.ts';

/**
 * Channels of one connection whose close the broker has not answered, at most. At this bound a destination goes on with
 * the channel that it has. A connection has at most 2,047 channels (RabbitMQ: channel_max).
 */
export const MAX_CLOSING_CHANNELS = 64;
/**
 * A broker that does not answer the close of a channel for so long needs a new connection, milliseconds. RabbitMQ 3.10
 * lets a channel wait for a minute where a queue has no leader, and answers its close after that.
 */
export const CLOSE_ANSWER_MS = 150_000;
/** What is shared is declared again at most this often, milliseconds. */
export const PREPARE_AGAIN_MS = 1_000;

/**
 * Publishes with confirms. Every message is persistent and mandatory: it is confirmed only when a queue has it.
 * (RabbitMQ: an unroutable message is confirmed too, but its basic.return arrives before that.)
 *
 * Each destination has a channel of its own, and another one when something was not confirmed. RabbitMQ 3.10 lets a
 * channel wait for a minute that publishes to a quorum queue while that has no leader (its node was killed), also when
 * there is a new leader at once, and everything else on that channel waits with it. A channel whose first publish goes
 * to a leader that was just killed nacks that and all that follow, for as long as it lives.
 *
 * A message on the new channel could overtake those on the old one. So what waits on the old one fails with the first
 * that does, and that channel is closed: whoever publishes again begins with the oldest (ordered-publisher.ts), whoever does not
 * has told its clients.
 */
export class Publisher {
  #connection: ChannelModel | undefined;
  readonly #channels = new Map<string, DestinationChannel>();
  readonly #closing = new Set<DestinationChannel>();
  readonly #blocked: () => boolean;
  readonly #reset: () => void;
  #prepare: () => Promise<void> = () => Promise.resolve();
  /** When that was last done because of a message, milliseconds of performance.now(). */
  #preparedAt = -Infinity;
  #waiting: (() => void)[] = [];
  #stopped = false;

  /**
   * @param blocked whether the broker refuses publishes at the moment
   * @param reset drops the connection; a new one may follow
   */
  constructor(blocked: () => boolean, reset: () => void = () => undefined) {
    this.#blocked = blocked;
    this.#reset = reset;
  }

  /** @param prepare what must be there before the first publish */
  async open(connection: ChannelModel, prepare: (channel: ConfirmChannel) => Promise<void>): Promise<void> {
    this.#prepare = async () => {
      const channel = await connection.createConfirmChannel();
      channel.on('error', () => undefined); // prepare fails with it
      await prepare(channel);
      void channel.close().catch(() => undefined); // nothing depends on it
    };
    await this.#prepare();
    this.#connection = connection;
    for (const wake of this.#waiting.splice(0)) wake();
  }

  close(): void {
    this.#connection = undefined;
    this.#channels.clear();
    this.#closing.clear();
    closingChannels.set(0);
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
   * Resolves when the broker has confirmed the message. Messages to one destination keep their order. One that failed
   * may still arrive, behind later ones; those that were published after it and are not confirmed fail with it.
   *
   * @param timeoutMs give up waiting after this long
   * @throws BrokerError
   */
  async publish(exchange: string, routingKey: string, content: Buffer, timeoutMs: number): Promise<void> {
    if (this.#stopped) throw new BrokerError('stopped');
    if (this.#blocked()) throw new BrokerError('blocked');
    if (!this.#connection) throw new BrokerError('not_connected');
    const destination = destinationKey(exchange, routingKey);
    const channel = this.#channels.get(destination) ?? this.#open(this.#connection, destination);
    await new Promise<void>((resolve, reject) => {
      channel.publish({ exchange, routingKey, content }, timeoutMs, (error) => {
        if (error?.code === 'unroutable') this.#prepareAgain();
        if (error) reject(error);
        else resolve();
        if (channel.retired) this.#retire(destination, channel);
      });
    });
  }

  /** Nothing more goes there for now. */
  release(exchange: string, routingKey: string): void {
    const destination = destinationKey(exchange, routingKey);
    const channel = this.#channels.get(destination);
    if (channel) this.#retire(destination, channel);
  }

  /** No queue took a message: somebody may have deleted it, or what leads to it. What is shared is declared again. */
  #prepareAgain(): void {
    if (performance.now() - this.#preparedAt < PREPARE_AGAIN_MS) return;
    this.#preparedAt = performance.now();
    void this.#prepare().catch(() => undefined); // the next one that comes back tries again
  }

  /** The next message takes a fresh channel, which finds the queue's leader if there is one by then. */
  #lost(destination: string, channel: DestinationChannel): void {
    channelsLost.inc();
    if (channel.retired || this.#closing.size < MAX_CLOSING_CHANNELS) this.#retire(destination, channel);
  }

  /** Others may still wait for confirms on it: a close would lose those. */
  #retire(destination: string, channel: DestinationChannel): void {
    channel.retired = true;
    if (this.#channels.get(destination) === channel) this.#channels.delete(destination);
    if (channel.idle && !this.#closing.has(channel)) this.#close(channel);
  }

  #close(channel: DestinationChannel): void {
    const closing = (change: 'add' | 'delete') => {
      this.#closing[change](channel);
      closingChannels.set(this.#closing.size);
    };
    closing('add');
    const late = setTimeout(() => {
      if (this.#closing.has(channel)) this.#reset();
    }, CLOSE_ANSWER_MS).unref();
    void channel.close().then(() => {
      clearTimeout(late);
      closing('delete');
    });
  }

  #open(connection: ChannelModel, destination: string): DestinationChannel {
    const isCurrent = () => this.#connection === connection;
    const channel = new DestinationChannel(connection, {
      get connected() {
        return isCurrent();
      },
      lost: (channel) => this.#lost(destination, channel),
    });
    this.#channels.set(destination, channel);
    return channel;
  }
}

const destinationKey = (exchange: string, routingKey: string) => `${exchange} ${routingKey}`;
