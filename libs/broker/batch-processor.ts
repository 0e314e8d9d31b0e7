import { Backoff, pause } from '#libs/runtime/backoff.ts';
import type { Logger } from '#libs/runtime/logger.ts';
import type { DeadLetters } from './dead-letters.ts';
import type { Delivery } from './delivery.ts';
import { batchEntries } from './metrics.ts';

/** An entry and the delivery that is acknowledged when it is dealt with. */
export interface BatchItem<E> {
  readonly entry: E;
  readonly delivery: Delivery;
}

export interface BatchProcessorOptions<E> {
  /** Label of the batch_entries metric. */
  stage: string;
  /**
   * Deals with a batch, in order. What it publishes holds the deliveries; when it resolves, the next batch follows.
   * It must be safe to call again with the same items. `again`: it may have been, here or elsewhere.
   */
  handle: (items: readonly BatchItem<E>[], again: boolean) => Promise<void>;
  /** Whether a failure of handle passes by itself (the database is away), so that trying again helps. */
  isTransient: (error: unknown) => boolean;
  dead: DeadLetters;
  log: Logger;
}

/** Deals with batches until it works; each item holds its delivery, and is settled at the end. */
export class BatchProcessor<E> {
  readonly #options: BatchProcessorOptions<E>;
  readonly #stop = new AbortController();

  constructor(options: BatchProcessorOptions<E>) {
    this.#options = options;
  }

  get stopped(): boolean {
    return this.#stop.signal.aborted;
  }

  /** A batch that waits for the database goes back to the broker; so does what was given up on before it began. */
  stop(): void {
    this.#stop.abort();
  }

  /** Tries until it works; a batch that fails for a reason of its own is tried entry by entry, and the culprits buried. */
  async process(items: readonly BatchItem<E>[]): Promise<void> {
    const { handle, isTransient, stage, log } = this.#options;
    batchEntries.observe({ stage }, items.length);
    const backoff = new Backoff({ baseMs: 100, maxMs: 2_000 });
    for (let again = items.some(({ delivery }) => delivery.redelivered); ; again = true) {
      const live = items.filter(({ delivery }) => !delivery.source.closed);
      try {
        if (live.length > 0) await handle(live, again);
        for (const { delivery } of items) delivery.settled();
        return;
      } catch (error) {
        if (!isTransient(error)) {
          log.error({ err: error, stage, entries: live.length }, 'entries cannot be handled');
          await this.#isolateFailures(items, error);
          return;
        }
        log.warn({ err: error, stage, entries: live.length }, 'will try again');
        await pause(backoff.next(), this.#stop.signal).catch(() => undefined);
        if (this.stopped) {
          returnToBroker(items);
          return;
        }
      }
    }
  }

  async #isolateFailures(items: readonly BatchItem<E>[], error: unknown): Promise<void> {
    const [only] = items;
    if (!only || items.length > 1) for (const item of items) await this.process([item]);
    else {
      const content = JSON.stringify(only.entry);
      this.#options.dead.publish(only.delivery, { reason: `failed: ${String(error)}`, content });
      only.delivery.settled();
    }
  }
}

/** The broker gives them to somebody else. */
export function returnToBroker(items: readonly BatchItem<unknown>[]): void {
  const stopped = new Error('stopped before the entry was dealt with');
  for (const { delivery } of items) delivery.settled(stopped);
}
