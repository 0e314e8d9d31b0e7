import { Backoff, pause } from '#libs/runtime/backoff.ts';
import type { Logger } from '#libs/runtime/logger.ts';
import type { DeadLetters } from './dead-letters.ts';
import type { Delivery } from './delivery.ts';
import { batchEntries } from './metrics.ts';

/** An entry, and the delivery that is acknowledged once all its entries are settled. */
export interface BatchItem<E> {
  readonly entry: E;
  readonly delivery: Delivery;
}

export interface BatchProcessorOptions<E> {
  /** Label of the batch_entries metric. */
  stage: string;
  /**
   * Handles a batch in order. What it publishes holds the deliveries; the next batch starts when it resolves. It must
   * be idempotent. `again`: these items may have been handled before, here or elsewhere.
   */
  handle: (items: readonly BatchItem<E>[], again: boolean) => Promise<void>;
  /** Whether a retry can help after this failure of `handle` (for example: the database is unreachable). */
  isTransient: (error: unknown) => boolean;
  dead: DeadLetters;
  log: Logger;
}

/** Handles batches and retries transient failures. Each item holds its delivery and is settled at the end. */
export class BatchProcessor<E> {
  readonly #options: BatchProcessorOptions<E>;
  readonly #stop = new AbortController();

  constructor(options: BatchProcessorOptions<E>) {
    this.#options = options;
    batchEntries.zero({ stage: options.stage }); // dashboards see it before the first batch
  }

  get stopped(): boolean {
    return this.#stop.signal.aborted;
  }

  /** A batch that waits for a retry goes back to the broker. */
  stop(): void {
    this.#stop.abort();
  }

  /**
   * Retries transient failures. After a permanent one it handles the entries one by one and dead-letters those that
   * fail.
   */
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
        log.warn({ err: error, stage, entries: live.length }, 'handling failed, will retry');
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

/** Leaves the items unacknowledged: the broker redelivers them. */
export function returnToBroker(items: readonly BatchItem<unknown>[]): void {
  const stopped = new Error('stopped before the entry was handled');
  for (const { delivery } of items) delivery.settled(stopped);
}
