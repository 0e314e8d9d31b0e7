import { Batches, type BatchesOptions, type Item } from './batches.ts';
import { type EntryFormat, parseEntries } from './dead-letters.ts';
import type { Delivery } from './delivery.ts';

export interface ReaderOptions<E> extends BatchesOptions<E> {
  format: EntryFormat<E>;
  /** About how many entries to handle in one go. */
  maxEntries: number;
}

interface Received {
  delivery: Delivery;
  content: Buffer;
}

/**
 * Works through the deliveries of one or many queues, batch after batch: whatever has arrived while one batch was
 * handled forms the next. While the database is away it holds its batch and takes no more: the broker keeps the rest.
 */
export class Reader<E> {
  readonly #options: ReaderOptions<E>;
  readonly #batches: Batches<E>;
  #backlog: Received[] = [];
  #running: Promise<void> | undefined;

  constructor(options: ReaderOptions<E>) {
    this.#options = options;
    this.#batches = new Batches(options);
  }

  /** Nothing is being worked on. */
  get idle(): boolean {
    return this.#running === undefined;
  }

  readonly receive = (delivery: Delivery, content: Buffer): void => {
    this.#backlog.push({ delivery, content });
    this.#running ??= this.#run();
  };

  /** Finishes the batch in hand, unless that waits for the database; the rest goes back to the broker. */
  async stop(): Promise<void> {
    this.#batches.stop();
    this.#backlog = [];
    await this.#running;
  }

  async #run(): Promise<void> {
    // Deliveries come one by one; a turn of the event loop brings the others that were sent with this one.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.#backlog.length > 0 && !this.#batches.stopped) {
      const items = this.#take();
      if (items.length > 0) await this.#batches.deal(items);
    }
    this.#running = undefined;
  }

  #take(): Item<E>[] {
    const { format, dead, maxEntries } = this.#options;
    const items: Item<E>[] = [];
    let taken = 0;
    for (const { delivery, content } of this.#backlog) {
      if (items.length >= maxEntries) break;
      taken++;
      if (!delivery.begin()) continue;
      const { entries, unreadable } = parseEntries(content, format);
      for (const letter of unreadable) dead.bury(delivery, letter);
      delivery.hold(entries.length);
      for (const entry of entries) items.push({ entry, delivery });
      delivery.settled(); // the reader's own hold: the entries hold it from here on
    }
    this.#backlog.splice(0, taken);
    return items;
  }
}
