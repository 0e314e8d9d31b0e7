import type { ConsumeMessage, ConsumeMessageFields } from 'amqplib';
import type { Pending } from '#libs/runtime/group-commit.ts';

/** What a delivery reports to the subscription that it came through. */
export interface DeliverySource {
  readonly queue: string;
  /** The channel is gone or about to be: the broker gives its unacknowledged messages to somebody else. */
  readonly closed: boolean;
  /** Nothing further may be begun. */
  readonly closing: boolean;
  /** Deliveries received through it and not finished, begun or not. */
  readonly unfinished: number;
  started(): void;
  /** To acknowledge. @param tag of the delivery */
  ack(tag: number): void;
  finished(delivery: Delivery): void;
}

/**
 * One AMQP message in hand. It is acknowledged when everything that it caused is settled: each hold() is undone by
 * one settled(), and the reader itself holds it once from the start. What fails leaves it unacknowledged, and the
 * broker gives it to somebody again.
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

  /** Somebody may have worked on it before. */
  get redelivered(): boolean {
    return this.#fields.redelivered;
  }

  /** What it was published to: an exchange, and a routing key. */
  get exchange(): string {
    return this.#fields.exchange;
  }

  get routingKey(): string {
    return this.#fields.routingKey;
  }

  /** Work on it begins. False if it is somebody else's by now; then leave it alone. */
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
