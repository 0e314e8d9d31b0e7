import type { ChannelModel } from 'amqplib';
import type { ConnectionSetup } from '#libs/broker/broker.ts';
import type { Delivery } from '#libs/broker/delivery.ts';
import type { Checked } from '#libs/broker/entries.ts';
import { Consumer } from '#libs/broker/consumer.ts';
import { declareGatewayQueue, GATEWAY_EXCHANGE, gatewayQueue } from '#libs/broker/topology.ts';
import type { Logger } from '#libs/runtime/logger.ts';
import type { GatewayConfig } from './config.ts';
import { type IncarnationState, stateOf } from './incarnation-state.ts';
import { Lease } from './lease.ts';
import type { Publishers } from './publishers.ts';
import { QueueProbe } from './queue-probe.ts';

/** The part of the gateway that an incarnation calls. */
export interface IncarnationOwner {
  receive(delivery: Delivery, content: Buffer): void;
  finished(delivery: Delivery): void;
  /**
   * The incarnation is over: the heirs get all messages in flight.
   *
   * @param deleted the queue was deleted, so there are no heirs: only this gateway has the messages in flight
   */
  incarnationEnded(deleted: boolean): void;
  /** Presence does not know the sessions. */
  announceAll(): void;
  /** Sessions that presence should know: the next ones to compare. */
  sessionsToCheck(): Checked[];
  /** Ends this incarnation and begins a new one. */
  restart(): void;
}

/** Leases are renewed this many times in their span. */
export const RENEWALS = 3;
/** A renewal or probe that the broker did not confirm is repeated after this long, milliseconds. */
const RETRY_MS = 300;
const WARN_EVERY_MS = 10_000;

/** Begins an incarnation with each connection to the broker, keeps its lease, and ends it; see incarnation-state.ts. */
export class Incarnation implements ConnectionSetup {
  readonly lease: Lease;
  readonly #config: GatewayConfig;
  readonly #publishers: Publishers;
  readonly #log: Logger;
  readonly #queueProbe: QueueProbe;
  #owner: IncarnationOwner | undefined;
  #name = '';
  #renewing: NodeJS.Timeout | undefined;
  #subscription: Consumer | undefined;
  #deleted = false;
  /** When the queue is old enough to rely on, milliseconds of performance.now(). */
  #settledAt = 0;
  #settling = false;
  /** What the latest warning about a missing lease said, and when, milliseconds of performance.now(). */
  #warned: { what: string; at: number } | undefined;

  constructor(config: GatewayConfig, publishers: Publishers, log: Logger) {
    this.#config = config;
    this.#publishers = publishers;
    this.#log = log;
    this.#queueProbe = new QueueProbe((gateway) => publishers.probe(gateway));
    this.lease = new Lease(config.GATEWAY_LEASE_MS, () => void this.#overdue());
  }

  /** `<gateway id>.<incarnation>`: names the queue, and where sessions are. */
  get name(): string {
    return this.#name;
  }

  get state(): IncarnationState {
    return stateOf({
      connected: this.#name !== '',
      settling: this.#settling,
      granted: this.lease.everGranted,
      holds: this.lease.holds,
    });
  }

  /** Sessions can be announced: a lease is in force, and its answer came through the queue. */
  get ready(): boolean {
    return this.state === 'ready';
  }

  ownedBy(owner: IncarnationOwner): void {
    this.#owner = owner;
  }

  /** A connection is up: begins an incarnation on it. */
  readonly open = async (connection: ChannelModel): Promise<void> => {
    const { GATEWAY_ID, QUEUE_TYPE, GATEWAY_PREFETCH } = this.#config;
    const name = `${GATEWAY_ID}.${Date.now().toString(36)}`;
    const channel = await connection.createChannel();
    await declareGatewayQueue(channel, name, QUEUE_TYPE);
    void channel.close().catch(() => undefined); // nothing depends on it
    this.#deleted = this.#settling = false;
    const consumer = await Consumer.open(connection, {
      queue: gatewayQueue(name),
      prefetch: GATEWAY_PREFETCH,
      receive: (delivery, content) => {
        if (delivery.exchange === GATEWAY_EXCHANGE) this.#queueProbe.heard();
        this.#owner?.receive(delivery, content);
      },
      onFinished: (delivery) => this.#owner?.finished(delivery),
      onLost: (why) => {
        this.#deleted = why === 'cancelled';
        this.#owner?.restart();
      },
    });
    if (consumer.closing) throw new Error('the connection was lost in the meantime');
    this.#name = name;
    this.#subscription = consumer;
    this.#settledAt = performance.now() + this.#config.QUEUE_SETTLE_MS;
    this.#log.info({ incarnation: name }, 'incarnation begins');
    this.lease.begin();
    this.#renewLease();
  };

  /** The connection is gone. */
  readonly close = (): void => {
    clearTimeout(this.#renewing);
    if (this.#name === '') return;
    this.#log.info({ incarnation: this.#name, deleted: this.#deleted }, 'incarnation is over');
    this.#name = '';
    this.#subscription = undefined;
    this.lease.end();
    this.#owner?.incarnationEnded(this.#deleted);
  };

  /** Shuts down: messages with clients are settled first, the heirs get the waiting ones. */
  async leave(): Promise<void> {
    const { name } = this;
    this.#name = '';
    this.lease.end();
    clearTimeout(this.#renewing);
    await this.#subscription?.close();
    if (name) this.#publishers.route(name, { kind: 'leave', gateway: name });
  }

  /**
   * Routing answered. A new name for presence means that the sessions it knew are not there any more.
   *
   * @param asked when it was asked for; an older routing does not say
   */
  granted(presence: string, asked?: number): void {
    const name = this.#name;
    if (name === '') return;
    const early = this.#settledAt - performance.now();
    this.#settling = early > 0;
    if (early > 0) {
      setTimeout(() => {
        if (this.#name === name) this.granted(presence, asked);
      }, early);
      return;
    }
    const isNew = this.lease.granted(presence, asked);
    if (this.ready) this.#warned = undefined;
    if (!isNew) return;
    this.#log.info({ incarnation: name, presence }, 'lease granted');
    this.#owner?.announceAll();
  }

  #renewLease(): void {
    const gateway = this.#name;
    const next = (ms: number) => {
      clearTimeout(this.#renewing);
      if (this.#name === gateway) this.#renewing = setTimeout(() => this.#renewLease(), ms);
    };
    next(this.#config.GATEWAY_LEASE_MS / RENEWALS);
    const settled = (error?: Error) => {
      if (error) next(RETRY_MS);
    };
    const check = this.#owner?.sessionsToCheck() ?? [];
    const asked = performance.now();
    const first = !this.lease.everGranted;
    this.#publishers.route(
      gateway,
      { kind: 'lease', gateway, first, asked, ...(check.length > 0 && { check }) },
      { settled },
    );
  }

  /** No lease was granted in time. */
  async #overdue(): Promise<void> {
    const incarnation = this.#name;
    const queue = await this.#queueProbe.probe(incarnation);
    if (this.#name !== incarnation || this.lease.remainingMs > 0) return;
    this.#warnOverdue(incarnation, queue);
    if (queue === 'broken') this.#owner?.restart();
    this.lease.watch(queue === 'unknown' ? RETRY_MS : this.#config.GATEWAY_LEASE_MS);
  }

  /** Logs a change at once, and repeats an unchanged warning at most every WARN_EVERY_MS. */
  #warnOverdue(incarnation: string, queue: string): void {
    const { state } = this;
    const what = `${state} ${queue}`;
    const now = performance.now();
    if (this.#warned?.what === what && now - this.#warned.at < WARN_EVERY_MS) return;
    this.#warned = { what, at: now };
    this.#log.warn({ incarnation, state, queue }, 'no lease was granted for two leases');
  }
}
