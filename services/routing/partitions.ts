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
  /** A consumer was lost: the connection has to be set up anew. */
  onLost: () => void;
  /** From now on another instance may be active on what this one was active on: what was known of its users is outdated. */
  onGivenUp: readonly (() => void)[];
  log: Logger;
}

/** How many partitions each of `instances` should have, at most. */
export const fairShare = (partitions: number, instances: number) =>
  Math.ceil(partitions / Math.max(1, instances));

/**
 * The route queues. Every instance subscribes to each of them; the broker keeps one consumer active. It does not
 * balance, though: who finds itself active on more than its share gives the excess up, and queues up behind the others.
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
    this.#forget(); // what was learned in between, by work of the connection before, counts for nothing
    const queues = Array.from({ length: this.#options.partitions }, (_, p) => routeQueue(p));
    this.#consumers = await Promise.all(queues.map((queue) => this.#subscribe(connection, queue)));
  }

  /** The connection is gone, and the consumers with it. */
  lost(): void {
    this.#connection = undefined;
    this.#consumers = [];
    this.#forget();
  }

  /**
   * Finishes what is begun, and gives the rest back, in order.
   *
   * @param finishWithinMs after this long what is begun goes back as well
   */
  async close(finishWithinMs?: number): Promise<void> {
    const consumers = this.#consumers;
    this.lost();
    await Promise.all(consumers.map((consumer) => consumer.close(finishWithinMs)));
  }

  /** Gives up what this instance is active on beyond its share. Idle partitions are nobody's burden: they stay. */
  async balance(): Promise<void> {
    const connection = this.#connection;
    if (!connection) return;
    const active = this.#consumers.filter(({ received }) => received > 0);
    partitionsActive.set(active.length);
    const channel = await connection.createChannel();
    // Every instance has one consumer on this queue. (A quorum queue with a single active consumer counts only that.)
    const { consumerCount } = await channel.checkQueue(RETURNED_QUEUE);
    void channel.close().catch(() => undefined); // nothing depends on it
    const excess = active.slice(fairShare(this.#options.partitions, consumerCount));
    for (const consumer of excess) {
      this.#options.log.info({ queue: consumer.queue, instances: consumerCount }, 'gives a partition up');
      await consumer.close();
      if (!this.#consumers.includes(consumer)) return; // all were given up meanwhile
      this.#forget();
      const next = await this.#subscribe(connection, consumer.queue);
      if (!this.#consumers.includes(consumer)) return next.close();
      this.#consumers = this.#consumers.map((one) => (one === consumer ? next : one));
    }
  }

  #forget(): void {
    for (const forget of this.#options.onGivenUp) forget();
  }

  #subscribe(connection: ChannelModel, queue: string): Promise<Consumer> {
    const { prefetch, receive, onLost } = this.#options;
    return Consumer.open(connection, { queue, prefetch, receive, onLost });
  }
}
