import { type DeadLetters, parseEntries } from '#libs/broker/dead-letters.ts';
import type { Delivery } from '#libs/broker/delivery.ts';
import { Event } from '#libs/events/event.ts';

/** An event, and the delivery that it came with. */
export interface Item {
  readonly event: Event;
  readonly held: Held;
}

/** An unacknowledged delivery, and those of its events that are not settled yet. */
export class Held {
  readonly delivery: Delivery;
  /** When it came, milliseconds of performance.now(). */
  readonly arrivedAt = performance.now();
  /** When it was published, milliseconds since the Unix epoch; if nobody knows, when it came. */
  readonly publishedAt: number;
  /** Not settled. */
  readonly items = new Set<Item>();
  readonly #onSettled: () => void;
  readonly #content: Buffer;
  #partly = false;

  /** @param onSettled called when all its events are settled, or it need not be settled here */
  constructor(delivery: Delivery, content: Buffer, onSettled: () => void) {
    this.delivery = delivery;
    this.publishedAt = Math.min(delivery.publishedAt ?? Infinity, Date.now());
    this.#content = content;
    this.#onSettled = onSettled;
  }

  /** Some of its events are settled, and others are not: the broker would redeliver all of them. */
  get partly(): boolean {
    return this.#partly && this.items.size > 0;
  }

  /** Reads its events. Unreadable ones become dead letters. */
  read(dead: DeadLetters): Item[] {
    const { delivery } = this;
    if (delivery.begin()) {
      const { entries, unreadable } = parseEntries(this.#content, { schema: Event });
      for (const letter of unreadable) dead.publish(delivery, letter);
      delivery.hold(entries.length);
      for (const event of entries) this.items.add({ event, held: this });
      delivery.settled(); // the initial hold: the events hold it from here on
    }
    if (this.items.size === 0) this.#onSettled();
    return [...this.items];
  }

  /** The event needs no further work. With the last one, the delivery is acknowledged. */
  settle(item: Item): void {
    if (!this.items.delete(item)) return;
    this.#partly = true;
    this.delivery.settled();
    if (this.items.size === 0) this.#onSettled();
  }

  /** Leaves the delivery unacknowledged: when its channel closes, the broker redelivers it. */
  giveBack(): void {
    const returned = new Error('returned to the queue');
    for (const item of this.items) {
      this.items.delete(item);
      this.delivery.settled(returned);
    }
  }
}
