import type { ChannelModel } from 'amqplib';
import type { Receive } from '#libs/broker/consumer.ts';
import { Consumer } from '#libs/broker/consumer.ts';
import { RETURNED_QUEUE, routeQueue } from '#libs/broker/topology.ts';
import type { Logger } from '#libs/runtime/logger.ts';
import { partitionsActive } from './metrics.ts';

export interface PartitionsOptions {
  partitions: number;
  prefetch: number;
  receive: Receive;
  /** A consumer was lost: reset the connection. */
  onLost: () => void;
  /** Another instance may now be active on these partitions: cached data of their users is outdated. */
  onGivenUp: readonly (() => void)[];
  log: Logger;
}

/** How many partitions each of `instances` should have, at most. */
export const fairShare = (partitions: number, instances: number) =>
  Math.ceil(partitions / Math.max(1, instances));

/**
 * The route queues. Every instance consumes from each; the broker keeps one consumer active, but does not balance. An
 * instance that is active on more than its share closes the excess consumers and lines up again behind the others.
 */
export class Partitions {
  readonly #options: PartitionsOptions;
  #connection: ChannelModel | undefined;
  #consumers: Consumer[] = [];

  constructor(options: PartitionsOptions) {
    this.#options = options;
  }

  async open(connection: ChannelModel): Promise<void> {
    this.#connection = connection;
    this.#forget(); // work of the earlier connection may have filled caches meanwhile
    const queues = Array.from({ length: this.#options.partitions }, (_, p) => routeQueue(p));
    this.#consumers = await Promise.all(queues.map((queue) => this.#subscribe(connection, queue)));
  }

  /** The connection is gone, and the consumers with it. */
  lost(): void {
    this.#connection = undefined;
    this.#consumers = [];
    this.#report();
    this.#forget();
  }

  /**
   * Finishes started deliveries, and returns the rest, in order.
   *
   * @param finishWithinMs after this long started deliveries are requeued too
   */
  async close(finishWithinMs?: number): Promise<void> {
    const consumers = this.#consumers;
    this.lost();
    await Promise.all(consumers.map((consumer) => consumer.close(finishWithinMs)));
  }

  /** Closes consumers beyond this instance's share of active partitions. Idle partitions stay: they cost nothing. */
  async balance(): Promise<void> {
    const connection = this.#connection;
    if (!connection) return;
    const active = this.#consumers.filter(({ received }) => received > 0);
    this.#report();
    const channel = await connection.createChannel();
    // Every instance has one consumer on this queue. (A quorum queue with a single active consumer counts only that.)
    const { consumerCount } = await channel.checkQueue(RETURNED_QUEUE);
    void channel.close().catch(() => undefined); // best effort
    const excess = active.slice(fairShare(this.#options.partitions, consumerCount));
    for (const consumer of excess) {
      this.#options.log.info({ queue: consumer.queue, instances: consumerCount }, 'releases a partition');
      await consumer.close();
      if (!this.#consumers.includes(consumer)) return; // all were given up meanwhile
      this.#forget();
      const next = await this.#subscribe(connection, consumer.queue);
      if (!this.#consumers.includes(consumer)) return next.close();
      this.#consumers = this.#consumers.map((one) => (one === consumer ? next : one));
      this.#report();
    }
  }

  /** Says in the metrics which partitions are this instance's. */
  #report(): void {
    partitionsActive.reset();
    for (const [partition, { received }] of this.#consumers.entries())
      if (received > 0) partitionsActive.set({ partition }, 1);
  }

  #forget(): void {
    for (const forget of this.#options.onGivenUp) forget();
  }

  #subscribe(connection: ChannelModel, queue: string): Promise<Consumer> {
    const { prefetch, receive, onLost } = this.#options;
    return Consumer.open(connection, { queue, prefetch, receive, onLost });
  }
}
