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
  /** A delivery that was begun is dealt with; it is acknowledged within a moment (ack-batcher.ts). */
  onFinished?: (delivery: Delivery) => void;
  /** The consumer is gone though nobody closed it: cancelled, since the queue was deleted, or with its channel. */
  onLost: (why: 'cancelled' | 'closed') => void;
}

/** A consumer on a channel of its own, so that it can be given up without touching the others. */
export class Consumer implements DeliverySource {
  readonly queue: string;
  /** Deliveries that somebody has begun to work on and not finished. */
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
    channel.on('error', () => undefined); // a 'close' follows; that is what counts
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

  /** Nothing that was received and not begun may be begun now: somebody else will have it. */
  get closing(): boolean {
    return this.#state !== 'open';
  }

  get closed(): boolean {
    return this.#state === 'closed';
  }

  /** Deliveries received so far: with a single active consumer, any at all means that this one is active. */
  get received(): number {
    return this.#received;
  }

  /** Deliveries received and not finished, begun or not. */
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
   * Gives the queue up in order: what is begun is finished first, then the channel is closed, which returns the rest
   * to its place at the head of the queue before the next consumer becomes active. (A basic.cancel would activate
   * that one at once, and later messages would overtake those in hand.)
   *
   * @param finishWithinMs after this long what is begun goes back as well: somebody else does it (again)
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
    // amqplib answers a close only if the broker does; the event comes in any case.
    const closed = new Promise<void>((resolve) => this.#channel.once('close', () => resolve()));
    void this.#channel.close().catch(() => undefined); // it is closing by itself
    await closed;
  }
}
