import type { ChannelModel } from 'amqplib';
import type { ConnectionSetup } from '#libs/broker/broker.ts';
import { Consumer } from '#libs/broker/consumer.ts';
import { declareWebhookQueue, type QueueType, WEBHOOK_QUEUE } from '#libs/broker/topology.ts';
import type { EventType } from '#libs/events/event.ts';
import { pause } from '#libs/runtime/backoff.ts';
import type { Logger } from '#libs/runtime/logger.ts';
import { PREFETCH } from './config.ts';
import type { Courier } from './courier.ts';
import { returnsTotal } from './metrics.ts';

export interface ConsumersOptions {
  /** A new courier for each consumer: it knows nothing of earlier deliveries. */
  createCourier: () => Courier;
  events: readonly EventType[];
  queueType: QueueType;
  /** Longest time that a delivery stays unacknowledged, milliseconds. */
  holdMs: number;
  /** How much longer the endpoint wants no requests, milliseconds. */
  closedMs: () => number;
  /** Drops the connection; a new one follows. */
  onLost: () => void;
  log: Logger;
}

/** How long requests under way may take when everything is returned, milliseconds: longer than they do. */
const FINISH_WITHIN_MS = 15_000;
/** How long dead letters may take then, milliseconds. */
const CLOSE_WITHIN_MS = 2_000;
/** Longest pause after a return, milliseconds: other instances take over meanwhile. */
const RETURN_PAUSE_MS = 60_000;

/**
 * The consumer of `sixfold.webhook`, and its courier.
 *
 * RabbitMQ closes the channel of a consumer that leaves a delivery unacknowledged for too long (`consumer_timeout`, 30
 * minutes). So after `holdMs` everything goes back to the queue, in order, and a new consumer follows a pause.
 */
export class Consumers implements ConnectionSetup {
  readonly #options: ConsumersOptions;
  readonly #stop = new AbortController();
  #connection: ChannelModel | undefined;
  #courier: Courier | undefined;
  #consumer: Consumer | undefined;
  #paused = false;

  constructor(options: ConsumersOptions) {
    this.#options = options;
  }

  readonly open = async (connection: ChannelModel): Promise<void> => {
    this.#connection = connection;
    const { queueType, events } = this.#options;
    const channel = await connection.createChannel();
    await declareWebhookQueue(channel, events, queueType);
    void channel.close().catch(() => undefined); // best effort
    if (!this.#paused) await this.#consume(connection);
  };

  readonly close = (): void => {
    this.#connection = undefined;
    this.#courier?.drop();
  };

  /** Returns everything if a delivery is unacknowledged for too long; then pauses, and consumes again. */
  readonly check = async (): Promise<void> => {
    const { holdMs, closedMs, onLost, log } = this.#options;
    if ((this.#courier?.oldestMs ?? 0) < holdMs) return;
    log.warn('events are unacknowledged for too long: returns them to the queue');
    returnsTotal.inc();
    this.#paused = true;
    await this.#return(FINISH_WITHIN_MS);
    const pauseMs = closedMs() + Math.random() * Math.min(RETURN_PAUSE_MS, holdMs);
    await pause(pauseMs, this.#stop.signal).catch(() => undefined);
    if (this.#stop.signal.aborted) return;
    this.#paused = false;
    const connection = this.#connection;
    if (!connection) return; // its setup consumes
    await this.#consume(connection).catch(() => {
      if (this.#connection === connection) onLost();
    });
  };

  /** Finishes the requests under way, and returns the rest. */
  async leave(finishWithinMs: number): Promise<void> {
    this.#paused = true;
    this.#stop.abort();
    await this.#return(finishWithinMs);
  }

  async #return(finishWithinMs: number): Promise<void> {
    const [courier, consumer] = [this.#courier, this.#consumer];
    this.#courier = this.#consumer = undefined;
    await courier?.stop(finishWithinMs);
    await consumer?.close(CLOSE_WITHIN_MS);
  }

  async #consume(connection: ChannelModel): Promise<void> {
    const courier = this.#options.createCourier();
    this.#courier = courier;
    this.#consumer = await Consumer.open(connection, {
      queue: WEBHOOK_QUEUE,
      prefetch: PREFETCH,
      receive: courier.receive,
      onLost: this.#options.onLost,
    });
    this.#options.log.info('consumes');
  }
}
