import type { Channel, ChannelModel } from 'amqplib';
import type { DeliverySource } from '#libs/broker/delivery.ts';
import { BrokerError } from '#libs/broker/errors.ts';
import type { Publisher } from '#libs/broker/publisher.ts';
import { Consumer, type Receive } from '#libs/broker/consumer.ts';
import { GATEWAY_EXCHANGE, gatewayQueue } from '#libs/broker/topology.ts';
import { pause } from '#libs/runtime/backoff.ts';
import type { Logger } from '#libs/runtime/logger.ts';
import type { Database } from '#libs/store/database.ts';
import { findUnlisted, forgetGateway, listGateways, removeGateways } from '#libs/store/gateways.ts';

export interface HeirsOptions {
  db: Database;
  publisher: Publisher;
  prefetch: number;
  receive: Receive;
  /** An incarnation of a gateway ended, and its sessions with it. */
  onGatewayGone: () => void;
  log: Logger;
}

/** A queue without a leader confirms nothing; the next round retries. */
const PUBLISH_TIMEOUT_MS = 3_000;
const PROBE = Buffer.from('[]');
/** Pause before an unresponsive queue is tried again, milliseconds; doubles each time. */
const RETRY_AFTER_MS = { first: 500, longest: 60_000 };
const TOMBSTONE = Buffer.from('[{"kind":"tombstone"}]');
/** After the tombstone: time for publishes that were routed just before the queue was unbound. */
const GRACE_MS = 1_000;
/** Interval of tombstones for one queue: if an heir dies while it handles one, the next one repeats the deletion. */
const TOMBSTONE_EVERY_MS = 5_000;

/**
 * Takes over the queues of dead gateways. This instance is a standby consumer (heir) on every gateway's queue. When a
 * gateway's connection closes, one heir becomes active and receives all unacknowledged and waiting deliveries, in
 * order.
 *
 * A queue is deleted in steps that cannot drop a message: unbind it (later publishes take the alternate exchange),
 * publish a tombstone behind its messages, let the active heir handle everything up to the tombstone, and delete the
 * queue once it is empty and all its deliveries are finished.
 */
export class Heirs {
  readonly #options: HeirsOptions;
  readonly #consumers = new Map<string, Promise<Consumer | undefined>>();
  readonly #tombstones = new Map<string, number>();
  readonly #deleting = new Set<string>();
  /** Unresponsive queues, and when to try them again. */
  readonly #unresponsive = new Map<string, { ms: number; until: number }>();
  #connection: ChannelModel | undefined;
  /** Gateways that this instance was an heir of when its connection was lost: their rows may be deleted meanwhile. */
  readonly #adoptedBefore = new Set<string>();
  /** Sessions were searched for incarnations without a row, on this connection. */
  #searchedSessions = false;

  constructor(options: HeirsOptions) {
    this.#options = options;
  }

  open(connection: ChannelModel): void {
    this.#connection = connection;
    this.#searchedSessions = false;
  }

  lost(): void {
    this.#connection = undefined;
    for (const gateway of this.#consumers.keys()) this.#adoptedBefore.add(gateway);
    this.#consumers.clear();
  }

  /** @param finishWithinMs after this long started deliveries are requeued too */
  async close(finishWithinMs?: number): Promise<void> {
    const opened = [...this.#consumers.values()];
    this.lost();
    await Promise.all(opened.map(async (consumer) => (await consumer)?.close(finishWithinMs)));
  }

  /** Becomes an heir of a gateway's queue. @returns whether it is one now */
  readonly subscribe = async (gateway: string): Promise<boolean> => {
    const connection = this.#connection;
    if (!connection) return false;
    const consumer = this.#consumers.get(gateway) ?? this.#startConsumer(connection, gateway);
    return (await consumer) !== undefined;
  };

  /** One round: subscribe to new queues, and put tombstones into the queues of ended incarnations. */
  async reconcile(now = Date.now()): Promise<void> {
    const gateways = await this.#listIncarnations();
    for (const { gateway } of gateways) void this.subscribe(gateway); // a slow one must not delay the others
    const over = new Set(gateways.filter(({ removed }) => removed).map(({ gateway }) => gateway));
    for (const gateway of this.#tombstones.keys()) if (!over.has(gateway)) this.#tombstones.delete(gateway);
    const known = new Set(gateways.map(({ gateway }) => gateway));
    for (const gateway of this.#unresponsive.keys())
      if (!known.has(gateway)) this.#unresponsive.delete(gateway);
    for (const gateway of over) {
      // Skip a queue during its deletion, which takes seconds while a node is down: a publish would end the connection (541).
      if (this.#deleting.has(gateway)) continue;
      if (!this.#tombstones.has(gateway)) this.#options.onGatewayGone();
      if (now - (this.#tombstones.get(gateway) ?? 0) < TOMBSTONE_EVERY_MS) continue;
      this.#tombstones.set(gateway, now);
      // An unreachable queue must not block the others.
      await this.#putTombstone(gateway).catch((error: unknown) => {
        this.#options.log.warn({ err: error, gateway }, 'no tombstone yet');
      });
    }
  }

  /**
   * All incarnations that have a queue. A row may have been deleted: an heir of the queue, or an instance that finds
   * its sessions, ends the incarnation. Otherwise its queue would leak once the gateway and its heirs are gone.
   */
  async #listIncarnations(): Promise<{ gateway: string; removed: boolean }[]> {
    const { db, log } = this.#options;
    // Before the rows are read: a new incarnation gets its row first.
    const adopted = [...this.#consumers.keys(), ...this.#adoptedBefore];
    const listed = await listGateways(db);
    const known = new Set(listed.map(({ gateway }) => gateway));
    const unlisted = this.#searchedSessions ? [] : await findUnlisted(db);
    this.#searchedSessions = true;
    const lost = [...new Set([...adopted, ...unlisted])].filter((gateway) => !known.has(gateway));
    for (const gateway of known) this.#adoptedBefore.delete(gateway);
    if (lost.length === 0) return listed;
    log.warn({ gateways: lost }, 'gateways without a row: their incarnations end');
    await removeGateways(db, lost);
    for (const gateway of lost) this.#adoptedBefore.delete(gateway);
    return [...listed, ...lost.map((gateway) => ({ gateway, removed: true }))];
  }

  /** A tombstone arrived: everything before it is settled or being handled. */
  readonly deleteQueue = (gateway: string, source: DeliverySource): void => {
    if (this.#deleting.has(gateway)) return;
    this.#deleting.add(gateway);
    void this.#deleteWhenEmpty(gateway, source)
      .catch((error: unknown) => this.#options.log.warn({ err: error, gateway }, 'queue not removed yet'))
      .finally(() => this.#deleting.delete(gateway));
  };

  #startConsumer(connection: ChannelModel, gateway: string): Promise<Consumer | undefined> {
    const consumer = this.#openConsumer(connection, gateway, () => {
      if (this.#consumers.get(gateway) === consumer) this.#consumers.delete(gateway);
    });
    this.#consumers.set(gateway, consumer);
    return consumer;
  }

  async #openConsumer(
    connection: ChannelModel,
    gateway: string,
    forget: () => void,
  ): Promise<Consumer | undefined> {
    const { prefetch, receive, log } = this.#options;
    try {
      // Probe first: consuming from a queue without a leader ends the whole connection after a minute (RabbitMQ 3.10: 541).
      if ((await this.#publish(gateway, PROBE)) === 'taken')
        return await Consumer.open(connection, {
          queue: gatewayQueue(gateway),
          prefetch,
          receive,
          onLost: forget,
        });
    } catch (error) {
      log.debug({ err: error, gateway }, 'not an heir of this queue');
    }
    setImmediate(forget);
    return undefined;
  }

  /** Publishes into a gateway's queue. An unresponsive queue is skipped for a while. */
  async #publish(gateway: string, content: Buffer): Promise<'taken' | 'missing' | 'silent'> {
    const { publisher, log } = this.#options;
    const before = this.#unresponsive.get(gateway);
    if (before && Date.now() < before.until) return 'silent';
    const queue = gatewayQueue(gateway);
    try {
      await publisher.publish('', queue, content, PUBLISH_TIMEOUT_MS);
      this.#unresponsive.delete(gateway);
      return 'taken';
    } catch (error) {
      if (!(error instanceof BrokerError)) throw error;
      if (error.code === 'unroutable') return 'missing';
      if (error.code !== 'timeout') throw error;
      const ms = before ? Math.min(before.ms * 2, RETRY_AFTER_MS.longest) : RETRY_AFTER_MS.first;
      this.#unresponsive.set(gateway, { ms, until: Date.now() + ms });
      log.warn({ gateway, lookAgainMs: ms }, 'the queue of a gateway does not answer');
      return 'silent';
    } finally {
      publisher.release('', queue);
    }
  }

  async #putTombstone(gateway: string): Promise<void> {
    if (!this.#connection) return; // without the unbind, no tombstone
    await this.#channel((channel) => channel.unbindQueue(gatewayQueue(gateway), GATEWAY_EXCHANGE, gateway));
    if ((await this.#publish(gateway, TOMBSTONE)) === 'missing') await this.#forget(gateway);
  }

  /** @param source the consumer of the tombstone: while it is open, this instance is the active heir */
  async #deleteWhenEmpty(gateway: string, source: DeliverySource): Promise<void> {
    await pause(GRACE_MS);
    const busy = () => source.closing || source.unfinished > 0;
    if (busy()) return; // the next tombstone retries
    const removed = await this.#channel(async (channel) => {
      const { messageCount } = await channel.checkQueue(gatewayQueue(gateway));
      if (messageCount > 0 || busy()) return false;
      await channel.deleteQueue(gatewayQueue(gateway));
      return true;
    });
    if (removed) await this.#forget(gateway);
  }

  async #forget(gateway: string): Promise<void> {
    await forgetGateway(this.#options.db, gateway);
    this.#consumers.delete(gateway); // it may wait for an answer that does not come any more
    this.#tombstones.delete(gateway);
    this.#options.log.info({ gateway }, 'queue of a gateway that is gone was removed');
  }

  async #channel<T>(use: (channel: Channel) => Promise<T>): Promise<T | undefined> {
    const channel = await this.#connection?.createChannel();
    if (!channel) return undefined;
    channel.on('error', () => undefined); // the caller gets the failure
    try {
      return await use(channel);
    } finally {
      void channel.close().catch(() => undefined); // a channel that failed is closed already
    }
  }
}
