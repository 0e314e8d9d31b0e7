import type { ConsumeMessage, ConsumeMessageFields, MessageProperties } from 'amqplib';
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
  readonly #properties: MessageProperties;
  #holds = 1;
  #failed = false;

  constructor(source: DeliverySource, { fields, properties, content }: ConsumeMessage) {
    this.source = source;
    this.bytes = content.length;
    this.#fields = fields;
    this.#properties = properties;
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

  /** When it was published, milliseconds since the Unix epoch; undefined if its publisher does not say. */
  get publishedAt(): number | undefined {
    const { timestamp } = this.#properties as { timestamp?: unknown };
    return typeof timestamp === 'number' ? timestamp * 1_000 : undefined;
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
