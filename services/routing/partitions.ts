import type { ChannelModel } from 'amqplib';
import type { Receive } from '#libs/broker/consumer.ts';
import { Consumer } from '#libs/broker/consumer.ts';
import type { Publisher } from '#libs/broker/publisher.ts';
import { openIfAnswered } from '#libs/broker/queue-probe.ts';
import { RETURNED_QUEUE, routeQueue } from '#libs/broker/topology.ts';
import { pause } from '#libs/runtime/backoff.ts';
import type { Logger } from '#libs/runtime/logger.ts';
import { partitionsActive } from './metrics.ts';

export interface PartitionsOptions {
  partitions: number;
  publisher: Publisher;
  prefetch: number;
  receive: Receive;
  /** A consumer was lost: reset the connection. */
  onLost: () => void;
  /** Another instance may now be active on these partitions: cached data of their users is outdated. */
  onGivenUp: readonly (() => void)[];
  log: Logger;
  /** Pause before a queue that did not answer is tried again, milliseconds. */
  tryAgainMs?: number;
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
  /** Aborted when the connection is gone, or the consumers are given up. */
  #opened = new AbortController();

  constructor(options: PartitionsOptions) {
    this.#options = options;
  }

  async open(connection: ChannelModel): Promise<void> {
    this.#connection = connection;
    this.#consumers = [];
    this.#forget(); // work of the earlier connection may have filled caches meanwhile
    const queues = Array.from({ length: this.#options.partitions }, (_, p) => routeQueue(p));
    const { signal } = (this.#opened = new AbortController());
    const opened = await Promise.all(queues.map((queue) => this.#tryToSubscribe(connection, queue)));
    if (signal.aborted) return;
    this.#consumers.push(...opened.flatMap((consumer) => consumer ?? []));
    for (const queue of queues.filter((_, n) => !opened[n]))
      void this.#subscribeLater(connection, queue, signal).catch((error: unknown) => {
        if (signal.aborted) return;
        this.#options.log.warn({ err: error, queue }, 'cannot consume from a partition');
        this.#options.onLost();
      });
  }

  /** The connection is gone, and the consumers with it. */
  lost(): void {
    this.#opened.abort();
    this.#connection = undefined;
    this.#consumers = [];
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
    const active = this.#consumers.filter((consumer) => consumer.active);
    partitionsActive.set(active.length);
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
    }
  }

  #forget(): void {
    for (const forget of this.#options.onGivenUp) forget();
  }

  /** Tries again and again; meanwhile others may be active on it. @param closed fires when this is over */
  async #subscribeLater(connection: ChannelModel, queue: string, closed: AbortSignal): Promise<void> {
    const { log, tryAgainMs = 1_000 } = this.#options;
    log.warn({ queue }, 'a partition does not answer');
    for (;;) {
      await pause(tryAgainMs, closed);
      const consumer = await this.#tryToSubscribe(connection, queue);
      if (!consumer) continue;
      if (closed.aborted) return consumer.close();
      this.#consumers.push(consumer);
      log.info({ queue }, 'the partition answers');
      return;
    }
  }

  #tryToSubscribe(connection: ChannelModel, queue: string): Promise<Consumer | undefined> {
    return openIfAnswered(this.#options.publisher, connection, this.#consumerOptions(queue));
  }

  #subscribe(connection: ChannelModel, queue: string): Promise<Consumer> {
    return Consumer.open(connection, this.#consumerOptions(queue));
  }

  #consumerOptions(queue: string) {
    const { prefetch, receive, onLost } = this.#options;
    return { queue, prefetch, receive, onLost };
  }
}
