import {
  BatchProcessor,
  returnToBroker,
  type BatchProcessorOptions,
  type BatchItem,
} from '#libs/broker/batch-processor.ts';
import type { Confirm, Pull, RouteMessage } from '#libs/broker/entries.ts';
import { messageKey } from '#libs/protocol/names.ts';
import { storeOffline, type MailboxContext } from './store-offline.ts';
import { confirm, pull } from './offline.ts';
import { select } from './select.ts';

/** An operation on a mailbox: store a message, delete entries, read a page. */
export type MailboxEntry = RouteMessage | Confirm | Pull;

/** Most entries of a batch: the next ones must not wait long. */
const MAX_BATCH = 500;

/**
 * Runs mailbox operations in order, apart from live traffic: a store takes a hundred times as long as a presence
 * lookup, and present users must not wait for it.
 */
export class MailboxWorker {
  readonly #batches: BatchProcessor<MailboxEntry>;
  #waiting: BatchItem<MailboxEntry>[] = [];
  /** Number of copies of a message that wait or are being stored, by message key. */
  readonly #storing = new Map<string, number>();
  #running: Promise<void> | undefined;

  constructor(
    mailbox: MailboxContext,
    options: Pick<BatchProcessorOptions<MailboxEntry>, 'isTransient' | 'dead' | 'log'>,
  ) {
    const stored = new WeakSet<MailboxEntry>(); // a retried batch stores and counts no message twice
    const handle = async (items: readonly BatchItem<MailboxEntry>[], again: boolean) => {
      await confirm(mailbox, select(items, 'confirm'), again); // before the pulls that may follow them
      const messages = select(items, 'message').filter(({ entry }) => !stored.has(entry));
      await storeOffline(mailbox, messages);
      for (const { entry } of messages) stored.add(entry);
      await pull(mailbox, select(items, 'pull'));
    };
    this.#batches = new BatchProcessor({ ...options, stage: 'mailbox', handle });
  }

  /** No batch is being handled. */
  get idle(): boolean {
    return this.#running === undefined;
  }

  /** A copy of it is being stored: delivering another one live now would send `stored` after `delivered`. */
  has(message: RouteMessage): boolean {
    return this.#storing.size > 0 && this.#storing.has(messageKey(message));
  }

  /** Holds the deliveries until the operation is done. */
  add(items: readonly BatchItem<MailboxEntry>[]): void {
    for (const { entry, delivery } of items) {
      delivery.hold();
      if (entry.kind === 'message') this.#count(entry, 1);
    }
    this.#waiting.push(...items);
    if (this.#batches.stopped) this.#returnToBroker();
    else if (this.#waiting.length > 0) this.#running ??= this.#run();
  }

  /** Finishes the current batch, unless it waits for a retry; the rest goes back to the broker. */
  async stop(): Promise<void> {
    this.#batches.stop();
    this.#returnToBroker();
    await this.#running;
  }

  async #run(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, MAX_BATCH);
      await this.#batches.process(batch);
      for (const { entry } of batch) if (entry.kind === 'message') this.#count(entry, -1);
    }
    this.#running = undefined;
  }

  #returnToBroker(): void {
    returnToBroker(this.#waiting.splice(0));
  }

  #count(message: RouteMessage, change: 1 | -1): void {
    const name = messageKey(message);
    const copies = (this.#storing.get(name) ?? 0) + change;
    if (copies > 0) this.#storing.set(name, copies);
    else this.#storing.delete(name);
  }
}
