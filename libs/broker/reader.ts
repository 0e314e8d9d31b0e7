import type { z } from 'zod';
import { Backoff, pause } from '#libs/runtime/backoff.ts';
import type { Logger } from '#libs/runtime/logger.ts';
import { type DeadLetters, parseEntries } from './dead-letters.ts';
import type { Delivery } from './delivery.ts';
import { batchEntries } from './metrics.ts';

/** An entry and the delivery that is acknowledged when it is dealt with. */
export interface Item<E> {
  readonly entry: E;
  readonly delivery: Delivery;
}

export interface ReaderOptions<E> {
  /** Label of the batch_entries metric. */
  stage: string;
  schema: z.ZodType<E>;
  /** About how many entries to handle in one go. */
  maxEntries: number;
  /**
   * Deals with a batch, in order. What it publishes holds the deliveries; when it resolves, the next batch follows.
   * It must be safe to call again with the same items. `again`: it may have been, here or elsewhere.
   */
  handle: (items: readonly Item<E>[], again: boolean) => Promise<void>;
  /** Whether a failure of handle passes by itself (the database is away), so that trying again helps. */
  isTransient: (error: unknown) => boolean;
  dead: DeadLetters;
  log: Logger;
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
  readonly #stop = new AbortController();
  #backlog: Received[] = [];
  #running: Promise<void> | undefined;

  constructor(options: ReaderOptions<E>) {
    this.#options = options;
  }

  readonly receive = (delivery: Delivery, content: Buffer): void => {
    this.#backlog.push({ delivery, content });
    this.#running ??= this.#run();
  };

  /** Finishes the batch in hand, unless that waits for the database; the rest goes back to the broker. */
  async stop(): Promise<void> {
    this.#stop.abort();
    this.#backlog = [];
    await this.#running;
  }

  async #run(): Promise<void> {
    // Deliveries come one by one; a turn of the event loop brings the others that were sent with this one.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.#backlog.length > 0 && !this.#stop.signal.aborted) {
      const items = this.#take();
      if (items.length > 0) await this.#handle(items);
    }
    this.#running = undefined;
  }

  #take(): Item<E>[] {
    const { schema, dead, maxEntries } = this.#options;
    const items: Item<E>[] = [];
    let taken = 0;
    for (const { delivery, content } of this.#backlog) {
      if (items.length >= maxEntries) break;
      taken++;
      if (!delivery.begin()) continue;
      const { entries, unreadable } = parseEntries(content, schema);
      for (const letter of unreadable) dead.bury(delivery, letter);
      delivery.hold(entries.length);
      for (const entry of entries) items.push({ entry, delivery });
      delivery.settled(); // the reader's own hold: the entries hold it from here on
    }
    this.#backlog.splice(0, taken);
    return items;
  }

  /** Tries until it works; a batch that fails for a reason of its own is tried entry by entry, and the culprits buried. */
  async #handle(items: Item<E>[]): Promise<void> {
    const { handle, isTransient, dead, stage, log } = this.#options;
    batchEntries.observe({ stage }, items.length);
    const backoff = new Backoff({ baseMs: 100, maxMs: 2_000 });
    for (let again = items.some(({ delivery }) => delivery.redelivered); ; again = true) {
      const live = items.filter(({ delivery }) => !delivery.source.gone);
      try {
        if (live.length > 0) await handle(live, again);
        for (const { delivery } of items) delivery.settled();
        return;
      } catch (error) {
        if (!isTransient(error)) {
          log.error({ err: error, stage, entries: live.length }, 'entries cannot be handled');
          const [only] = items;
          if (only && items.length === 1) {
            dead.bury(only.delivery, {
              reason: `failed: ${String(error)}`,
              content: JSON.stringify(only.entry),
            });
            only.delivery.settled();
          } else for (const item of items) await this.#handle([item]);
          return;
        }
        log.warn({ err: error, stage, entries: live.length }, 'will try again');
        await pause(backoff.next(), this.#stop.signal).catch(() => undefined);
        if (this.#stop.signal.aborted) {
          const stopped = new Error('stopped before the entry was dealt with');
          for (const { delivery } of items) delivery.settled(stopped);
          return;
        }
      }
    }
  }
}
