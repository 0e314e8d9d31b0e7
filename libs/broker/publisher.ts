import type { ChannelModel, ConfirmChannel, Message } from 'amqplib';
import { BrokerError } from './errors.ts';

/**
 * Publishes with confirms on one channel. Every message is persistent and mandatory: it is confirmed only when a
 * queue has it. (RabbitMQ: an unroutable message is confirmed too, but its basic.return arrives before that.)
 */
export class Publisher {
  #connection: ChannelModel | undefined;
  #channel: ConfirmChannel | undefined;
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
    const channel = await this.#openChannel(connection);
    // A channel error closes the connection's whole set-up: simpler to reason about than a half-open link.
    channel.on('error', () => void connection.close().catch(() => undefined));
    await prepare(channel);
    this.#connection = connection;
    this.#channel = channel;
    for (const wake of this.#waiting.splice(0)) wake();
  }

  close(): void {
    this.#connection = this.#channel = undefined;
    this.#returned.clear();
  }

  /** Nothing is published any more; who waits for a connection is told. */
  stop(): void {
    this.#stopped = true;
    this.#connection = this.#channel = undefined;
    for (const wake of this.#waiting.splice(0)) wake();
  }

  get stopped(): boolean {
    return this.#stopped;
  }

  /** Resolves when there is a channel again, or nothing to wait for. */
  async ready(): Promise<void> {
    if (this.#channel || this.#stopped) return;
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  /**
   * Resolves when the broker has confirmed the message.
   *
   * @param timeoutMs give up waiting after this long; the message may still arrive
   * @throws BrokerError
   */
  publish(exchange: string, routingKey: string, content: Buffer, timeoutMs?: number): Promise<void> {
    const refusal = this.#refusal();
    if (refusal || !this.#channel) return Promise.reject(refusal ?? new BrokerError('not_connected'));
    return this.#send(this.#channel, exchange, routingKey, content, timeoutMs);
  }

  /**
   * Publishes to a queue that may be out of order, on a channel of its own: RabbitMQ 3.10 lets a channel that publishes
   * to a quorum queue without a leader wait for a minute, and everything else on that channel with it.
   *
   * @throws BrokerError
   */
  async publishApart(queue: string, content: Buffer, timeoutMs: number): Promise<void> {
    const refusal = this.#refusal();
    if (refusal || !this.#connection) throw refusal ?? new BrokerError('not_connected');
    const channel = await this.#openChannel(this.#connection);
    channel.on('error', () => undefined); // the confirm callback tells
    try {
      await this.#send(channel, '', queue, content, timeoutMs);
    } finally {
      void channel.close().catch(() => undefined); // one that waits closes later
    }
  }

  async #openChannel(connection: ChannelModel): Promise<ConfirmChannel> {
    const channel = await connection.createConfirmChannel();
    channel.on('return', (message: Message) => this.#returned.add(String(message.properties.messageId)));
    return channel;
  }

  #refusal(): BrokerError | undefined {
    if (this.#stopped) return new BrokerError('stopped');
    return this.#blocked() ? new BrokerError('blocked') : undefined;
  }

  #send(
    channel: ConfirmChannel,
    exchange: string,
    routingKey: string,
    content: Buffer,
    timeoutMs: number | undefined,
  ): Promise<void> {
    const messageId = String(++this.#count);
    return new Promise((resolve, reject) => {
      const timer =
        timeoutMs === undefined ? undefined : setTimeout(() => reject(new BrokerError('timeout')), timeoutMs);
      const confirmed = (error: unknown) => {
        clearTimeout(timer);
        const unroutable = this.#returned.delete(messageId);
        if (error) reject(new BrokerError(this.#channel === channel ? 'nacked' : 'closed', { cause: error }));
        else if (unroutable) reject(new BrokerError('unroutable'));
        else resolve();
      };
      try {
        channel.publish(
          exchange,
          routingKey,
          content,
          { persistent: true, mandatory: true, messageId },
          confirmed,
        );
      } catch (error) {
        clearTimeout(timer);
        reject(new BrokerError('closed', { cause: error })); // amqplib throws on a channel that is closing
      }
    });
  }
}
