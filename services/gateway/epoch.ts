import type { ChannelModel } from 'amqplib';
import type { Consuming } from '#libs/broker/broker.ts';
import type { Delivery } from '#libs/broker/delivery.ts';
import { Subscription } from '#libs/broker/subscription.ts';
import { declareGatewayQueue, gatewayQueue } from '#libs/broker/topology.ts';
import type { Logger } from '#libs/runtime/logger.ts';
import type { GatewayConfig } from './config.ts';
import type { Outboxes } from './outboxes.ts';

/** What an epoch asks of the gateway. */
export interface EpochOwner {
  receive(delivery: Delivery, content: Buffer): void;
  finished(delivery: Delivery): void;
  /** The epoch is over: the broker has given all that was in flight to the heirs. */
  epochOver(): void;
  /** Presence does not know the sessions (any more). */
  announceAll(): void;
  /** Give this epoch up, and begin another one. */
  renew(): void;
}

/** Leases are renewed this many times in their span. */
const RENEWALS = 3;
/** A renewal that the broker did not take is tried again after this long, milliseconds. */
const RETRY_MS = 300;

/**
 * One life of the gateway in the broker: a queue of its own, for as long as the connection that consumes it lasts,
 * and a lease that says so. After a lost connection the queue is the heirs', and a new epoch begins.
 */
export class Epoch implements Consuming {
  readonly #config: GatewayConfig;
  readonly #out: Outboxes;
  readonly #log: Logger;
  #owner: EpochOwner | undefined;
  #name = '';
  #presence: string | undefined;
  #renewing: NodeJS.Timeout | undefined;
  #subscription: Subscription | undefined;
  /** When the queue is old enough to rely on, milliseconds since the epoch. */
  #settledAt = 0;

  constructor(config: GatewayConfig, out: Outboxes, log: Logger) {
    this.#config = config;
    this.#out = out;
    this.#log = log;
  }

  /** `<gateway id>.<epoch>`: names the queue, and where sessions are. */
  get name(): string {
    return this.#name;
  }

  /** Sessions can be announced: the lease is granted, and its answer came through the queue. */
  get ready(): boolean {
    return this.#presence !== undefined;
  }

  ownedBy(owner: EpochOwner): void {
    this.#owner = owner;
  }

  /** A connection is up: begins an epoch on it. */
  readonly open = async (connection: ChannelModel): Promise<void> => {
    const { GATEWAY_ID, QUEUE_TYPE, GATEWAY_PREFETCH } = this.#config;
    const name = `${GATEWAY_ID}.${Date.now().toString(36)}`;
    const channel = await connection.createChannel();
    await declareGatewayQueue(channel, name, QUEUE_TYPE);
    void channel.close().catch(() => undefined); // nothing depends on it
    const subscription = await Subscription.open(connection, {
      queue: gatewayQueue(name),
      prefetch: GATEWAY_PREFETCH,
      receive: (delivery, content) => this.#owner?.receive(delivery, content),
      onFinished: (delivery) => this.#owner?.finished(delivery),
      onLost: () => this.#owner?.renew(),
    });
    if (subscription.closing) throw new Error('the connection was lost in the meantime');
    this.#name = name;
    this.#subscription = subscription;
    this.#settledAt = Date.now() + this.#config.QUEUE_SETTLE_MS;
    this.#log.info({ epoch: name }, 'epoch begins');
    this.#renew();
  };

  /** The connection is gone. */
  readonly close = (): void => {
    clearTimeout(this.#renewing);
    if (this.#name === '') return;
    this.#log.info({ epoch: this.#name }, 'epoch is over');
    this.#name = '';
    this.#presence = this.#subscription = undefined;
    this.#owner?.epochOver();
  };

  /** Leaves in order: what was handed over is settled first, what waits is the heirs'. */
  async leave(): Promise<void> {
    const { name } = this;
    this.#name = '';
    this.#presence = undefined;
    clearTimeout(this.#renewing);
    await this.#subscription?.close();
    if (name) this.#out.route(name, { kind: 'leave', gateway: name });
  }

  /** Routing answered. A new name for presence means that the sessions it knew are not there any more. */
  granted(presence: string): void {
    if (presence === this.#presence) return;
    const name = this.#name;
    const early = this.#settledAt - Date.now();
    if (early > 0) {
      setTimeout(() => {
        if (this.#name === name) this.granted(presence);
      }, early);
      return;
    }
    this.#presence = presence;
    this.#log.info({ epoch: this.#name, presence }, 'lease granted');
    this.#owner?.announceAll();
  }

  #renew(): void {
    const gateway = this.#name;
    const next = (ms: number) => {
      clearTimeout(this.#renewing);
      if (this.#name === gateway) this.#renewing = setTimeout(() => this.#renew(), ms);
    };
    next(this.#config.GATEWAY_LEASE_MS / RENEWALS);
    const settled = (error?: Error) => {
      if (error) next(RETRY_MS);
    };
    this.#out.route(gateway, { kind: 'lease', gateway, first: !this.ready }, { settled });
  }
}
