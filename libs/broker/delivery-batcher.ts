import { BatchProcessor, type BatchProcessorOptions, type BatchItem } from './batch-processor.ts';
import { type EntryFormat, parseEntries } from './dead-letters.ts';
import type { Delivery } from './delivery.ts';

export interface DeliveryBatcherOptions<E> extends BatchProcessorOptions<E> {
  format: EntryFormat<E>;
  /** Approximate entries of a batch. */
  maxEntries: number;
}

interface Received {
  delivery: Delivery;
  content: Buffer;
}

/**
 * Groups the deliveries of one or more queues into batches, handled one after the other: what arrives during one
 * batch forms the next. While the database is unreachable it keeps its batch; prefetch leaves the rest in the broker.
 */
export class DeliveryBatcher<E> {
  readonly #options: DeliveryBatcherOptions<E>;
  readonly #processor: BatchProcessor<E>;
  #backlog: Received[] = [];
  #running: Promise<void> | undefined;

  constructor(options: DeliveryBatcherOptions<E>) {
    this.#options = options;
    this.#processor = new BatchProcessor(options);
  }

  /** No batch is being handled. */
  get idle(): boolean {
    return this.#running === undefined;
  }

  readonly receive = (delivery: Delivery, content: Buffer): void => {
    this.#backlog.push({ delivery, content });
    this.#running ??= this.#run();
  };

  /** Finishes the current batch, unless it waits for a retry; the rest goes back to the broker. */
  async stop(): Promise<void> {
    this.#processor.stop();
    this.#backlog = [];
    await this.#running;
  }

  async #run(): Promise<void> {
    // Deliveries arrive one by one: wait one turn of the event loop for those sent together.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.#backlog.length > 0 && !this.#processor.stopped) {
      const items = this.#take();
      if (items.length > 0) await this.#processor.process(items);
    }
    this.#running = undefined;
  }

  #take(): BatchItem<E>[] {
    const { format, dead, maxEntries } = this.#options;
    const items: BatchItem<E>[] = [];
    let taken = 0;
    for (const { delivery, content } of this.#backlog) {
      if (items.length >= maxEntries) break;
      taken++;
      if (!delivery.begin()) continue;
      const { entries, unreadable } = parseEntries(content, format);
      for (const letter of unreadable) dead.publish(delivery, letter);
      delivery.hold(entries.length);
      for (const entry of entries) items.push({ entry, delivery });
      delivery.settled(); // the initial hold: the entries hold it from here on
    }
    this.#backlog.splice(0, taken);
    return items;
  }
}
