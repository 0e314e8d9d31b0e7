import type { Channel, ChannelModel } from 'amqplib';
import { within } from '#libs/runtime/backoff.ts';
import { AckBatcher } from './ack-batcher.ts';
import { Delivery, type DeliverySource } from './delivery.ts';
import { openConsumers } from './metrics.ts';

/** Takes deliveries; must not throw. */
export type Receive = (delivery: Delivery, content: Buffer) => void;

export interface ConsumerOptions {
  queue: string;
  /** Most unacknowledged deliveries. Acks out of order cost the broker time in proportion to it. */
  prefetch: number;
  receive: Receive;
  /** A started delivery is settled; its ack follows shortly (ack-batcher.ts). */
  onFinished?: (delivery: Delivery) => void;
  /** The consumer ended without close(): cancelled by the broker (queue deleted), or its channel closed. */
  onLost: (why: 'cancelled' | 'closed') => void;
}

/** A consumer on its own channel, so that it can be closed without touching the others. */
export class Consumer implements DeliverySource {
  readonly queue: string;
  /** Deliveries started and not finished. */
  #started = 0;
  #state: 'open' | 'closing' | 'closed' = 'open';
  #received = 0;
  #finished = 0;
  readonly #idle = Promise.withResolvers<undefined>();
  #closed: Promise<void> | undefined;
  readonly #channel: Channel;
  readonly #acks: AckBatcher;
  readonly #onFinished: ConsumerOptions['onFinished'];

  private constructor({ queue, prefetch, onFinished }: ConsumerOptions, channel: Channel) {
    this.queue = queue;
    this.#channel = channel;
    this.#acks = new AckBatcher(channel, prefetch);
    this.#onFinished = onFinished;
  }

  static async open(connection: ChannelModel, options: ConsumerOptions): Promise<Consumer> {
    const channel = await connection.createChannel();
    const consumer = new Consumer(options, channel);
    const lost = (why: 'cancelled' | 'closed') => {
      if (consumer.#state === 'open') options.onLost(why);
      consumer.#state = 'closed';
      openConsumers.delete(consumer);
      consumer.#acks.drop();
      consumer.#idle.resolve(undefined);
    };
    channel.on('error', () => undefined); // a 'close' follows, handled below
    channel.on('close', () => lost('closed'));
    openConsumers.add(consumer);
    await channel.prefetch(options.prefetch);
    await channel.consume(options.queue, (message) => {
      if (message === null) {
        lost('cancelled'); // by the server: the queue was deleted
        void channel.close().catch(() => undefined); // nothing more comes through it
        return;
      }
      if (consumer.#state !== 'open') return;
      consumer.#received++;
      options.receive(new Delivery(consumer, message), message.content);
    });
    return consumer;
  }

  /** Deliveries that are not started must not be started: the broker redelivers them. */
  get closing(): boolean {
    return this.#state !== 'open';
  }

  get closed(): boolean {
    return this.#state === 'closed';
  }

  /** Deliveries received so far. On a single-active-consumer queue, any delivery means that this consumer is active. */
  get received(): number {
    return this.#received;
  }

  /** Deliveries received and not finished, started or not. */
  get unfinished(): number {
    return this.#received - this.#finished;
  }

  started(): void {
    this.#started++;
  }

  ack(tag: number): void {
    this.#acks.add(tag);
  }

  finished(delivery: Delivery): void {
    this.#finished++;
    this.#onFinished?.(delivery);
    if (--this.#started === 0 && this.closing) this.#idle.resolve(undefined);
  }

  /**
   * Stops consuming in order: finishes started deliveries, then closes the channel, which requeues the rest at the
   * head of the queue before the next consumer becomes active. (A basic.cancel would activate that consumer at once,
   * and later messages would overtake unfinished ones.)
   *
   * @param finishWithinMs after this long started deliveries are requeued too, and handled again elsewhere
   */
  async close(finishWithinMs?: number): Promise<void> {
    if (this.closed) return;
    this.#state = 'closing';
    if (this.#started > 0) {
      const { promise } = this.#idle;
      await (finishWithinMs === undefined ? promise : within(finishWithinMs, promise));
    }
    this.#closed ??= this.#closeChannel();
    await this.#closed;
  }

  async #closeChannel(): Promise<void> {
    if (this.closed) return;
    this.#acks.flush();
    // amqplib settles close() only if the broker answers; the event always comes.
    const closed = new Promise<void>((resolve) => this.#channel.once('close', () => resolve()));
    void this.#channel.close().catch(() => undefined); // it is closing by itself
    await closed;
  }
}
