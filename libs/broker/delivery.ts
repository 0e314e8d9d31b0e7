import type { ConsumeMessage, ConsumeMessageFields } from 'amqplib';
import type { Pending } from '#libs/runtime/group-commit.ts';

/** What a delivery reports to its consumer. */
export interface DeliverySource {
  readonly queue: string;
  /** The channel is closed: the broker redelivers its unacknowledged messages. */
  readonly closed: boolean;
  /** No further delivery may be started. */
  readonly closing: boolean;
  /** Deliveries received and not finished, started or not. */
  readonly unfinished: number;
  started(): void;
  /** Acknowledges. @param tag of the delivery */
  ack(tag: number): void;
  finished(delivery: Delivery): void;
}

/**
 * One unacknowledged AMQP message, with a reference count: each hold() needs one settled(), and the count starts at
 * 1. At 0 it is acknowledged, unless something failed: then it stays unacknowledged, and the broker redelivers it.
 */
export class Delivery implements Pending {
  readonly source: DeliverySource;
  /** Size of its content. */
  readonly bytes: number;
  readonly #fields: ConsumeMessageFields;
  #holds = 1;
  #failed = false;

  constructor(source: DeliverySource, { fields, content }: ConsumeMessage) {
    this.source = source;
    this.bytes = content.length;
    this.#fields = fields;
  }

  /** An earlier delivery of it may have been handled. */
  get redelivered(): boolean {
    return this.#fields.redelivered;
  }

  /** The exchange that it was published to. */
  get exchange(): string {
    return this.#fields.exchange;
  }

  get routingKey(): string {
    return this.#fields.routingKey;
  }

  /** Marks it as started. False if the broker redelivers it to another consumer: then ignore it. */
  begin(): boolean {
    if (this.source.closing) return false;
    this.source.started();
    return true;
  }

  /** @param count how many more settled() to wait for */
  hold(count = 1): void {
    this.#holds += count;
  }

  settled(error?: Error): void {
    if (error) this.#failed = true;
    if (--this.#holds !== 0) return;
    if (!this.#failed && !this.source.closed) this.source.ack(this.#fields.deliveryTag);
    this.source.finished(this);
  }
}
