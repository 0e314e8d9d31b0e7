import type { ChannelModel, ConfirmChannel } from 'amqplib';
import { BrokerError } from './errors.ts';
import { DestinationChannel } from './destination-channel.ts';
import { channelsLost, closingChannels } from './metrics.ts';

/**
 * Most channels with an unanswered close on one connection. At this limit a destination keeps its channel. A
 * connection has at most 2,047 channels (RabbitMQ: channel_max).
 */
export const MAX_CLOSING_CHANNELS = 64;
/**
 * An unanswered channel close resets the connection after this long, milliseconds. RabbitMQ 3.10 blocks a channel for
 * a minute if a queue has no leader, and answers the close after that.
 */
export const CLOSE_ANSWER_MS = 150_000;
/** Shortest interval between two declarations of the shared topology, milliseconds. */
export const PREPARE_AGAIN_MS = 1_000;

/**
 * Publishes with confirms. Every message is persistent, and all but events are mandatory: the confirm means that a queue has it.
 * (RabbitMQ: an unroutable message is confirmed too, but its basic.return arrives before that.)
 *
 * Each destination has its own channel, and gets a new one after a failed confirm. RabbitMQ 3.10 blocks a channel
 * that publishes to a quorum queue without a leader for a minute, even if a new leader is elected at once, and
 * everything else on that channel waits. A channel whose first publish goes to a leader that was just killed nacks
 * that publish and all later ones.
 *
 * Messages on the new channel could overtake those on the old one. So when one publish fails, all unconfirmed ones on
 * the channel fail, and it is closed. Callers retry from the oldest (ordered-publisher.ts) or report the failure to
 * their clients.
 */
export class Publisher {
  #connection: ChannelModel | undefined;
  readonly #channels = new Map<string, DestinationChannel>();
  readonly #closing = new Set<DestinationChannel>();
  readonly #blocked: () => boolean;
  readonly #reset: () => void;
  #prepare: () => Promise<void> = () => Promise.resolve();
  /** Last declaration caused by a message, milliseconds of performance.now(). */
  #preparedAt = -Infinity;
  #waiting: (() => void)[] = [];
  #stopped = false;

  /**
   * @param blocked whether the broker blocks publishes at the moment
   * @param reset drops the connection; a new one may follow
   */
  constructor(blocked: () => boolean, reset: () => void = () => undefined) {
    this.#blocked = blocked;
    this.#reset = reset;
  }

  /** @param prepare declares what the first publish needs */
  async open(connection: ChannelModel, prepare: (channel: ConfirmChannel) => Promise<void>): Promise<void> {
    this.#prepare = async () => {
      const channel = await connection.createConfirmChannel();
      channel.on('error', () => undefined); // prepare fails with it
      await prepare(channel);
      void channel.close().catch(() => undefined); // best effort
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

  /** Fails all later publishes, and wakes those that wait for a connection. */
  stop(): void {
    this.#stopped = true;
    this.#connection = undefined;
    for (const wake of this.#waiting.splice(0)) wake();
  }

  get stopped(): boolean {
    return this.#stopped;
  }

  /** Resolves when connected or stopped. */
  async ready(): Promise<void> {
    if (this.#connection || this.#stopped) return;
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  /**
   * Resolves when the broker has confirmed the message. Messages to one destination keep their order. A failed
   * message may still arrive, after later ones; all unconfirmed messages behind it fail too.
   *
   * @param timeoutMs give up waiting after this long
   * @param publishedAt of a message that replaces another one: when that was published, milliseconds since the epoch
   * @throws BrokerError
   */
  async publish(
    exchange: string,
    routingKey: string,
    content: Buffer,
    timeoutMs: number,
    publishedAt = Date.now(),
  ): Promise<void> {
    if (this.#stopped) throw new BrokerError('stopped');
    if (this.#blocked()) throw new BrokerError('blocked');
    if (!this.#connection) throw new BrokerError('not_connected');
    const destination = destinationKey(exchange, routingKey);
    const channel = this.#channels.get(destination) ?? this.#open(this.#connection, destination);
    await new Promise<void>((resolve, reject) => {
      channel.publish({ exchange, routingKey, content, publishedAt }, timeoutMs, (error) => {
        if (error?.code === 'unroutable') this.#prepareAgain();
        if (error) reject(error);
        else resolve();
        if (channel.retired) this.#retire(destination, channel);
      });
    });
  }

  /** Closes the channel of an idle destination. */
  release(exchange: string, routingKey: string): void {
    const destination = destinationKey(exchange, routingKey);
    const channel = this.#channels.get(destination);
    if (channel) this.#retire(destination, channel);
  }

  /** A message was unroutable: a queue or binding may be deleted. Declares the shared topology again. */
  #prepareAgain(): void {
    if (performance.now() - this.#preparedAt < PREPARE_AGAIN_MS) return;
    this.#preparedAt = performance.now();
    void this.#prepare().catch(() => undefined); // the next unroutable message retries
  }

  /** The next message takes a new channel, which finds the queue's current leader. */
  #lost(destination: string, channel: DestinationChannel): void {
    channelsLost.inc();
    if (channel.retired || this.#closing.size < MAX_CLOSING_CHANNELS) this.#retire(destination, channel);
  }

  /** Closes it once idle: closing earlier would lose outstanding confirms. */
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
