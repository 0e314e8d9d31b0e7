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

/** What is done to a mailbox: a message is stored, entries are deleted, a page is read. */
export type MailboxEntry = RouteMessage | Confirm | Pull;

/** Entries for one batch: what comes next must not wait long. */
const MAX_BATCH = 500;

/**
 * All that is done to mailboxes, in order, beside the live traffic: to store takes a hundred times as long as a look at
 * presence, and who is there must not wait for what is stored for others.
 */
export class MailboxWorker {
  readonly #batches: BatchProcessor<MailboxEntry>;
  #waiting: BatchItem<MailboxEntry>[] = [];
  /** Copies of a message that wait or are being stored, by its name. */
  readonly #storing = new Map<string, number>();
  #running: Promise<void> | undefined;

  constructor(
    mailbox: MailboxContext,
    options: Pick<BatchProcessorOptions<MailboxEntry>, 'isTransient' | 'dead' | 'log'>,
  ) {
    const stored = new WeakSet<MailboxEntry>(); // a batch that is tried again stores and counts no message twice
    const handle = async (items: readonly BatchItem<MailboxEntry>[], again: boolean) => {
      await confirm(mailbox, select(items, 'confirm'), again); // before the pulls that may follow them
      const messages = select(items, 'message').filter(({ entry }) => !stored.has(entry));
      await storeOffline(mailbox, messages);
      for (const { entry } of messages) stored.add(entry);
      await pull(mailbox, select(items, 'pull'));
    };
    this.#batches = new BatchProcessor({ ...options, stage: 'mailbox', handle });
  }

  /** Nothing is being worked on. */
  get idle(): boolean {
    return this.#running === undefined;
  }

  /** A copy of it is on its way: another one must not be delivered meanwhile, and its sender be told `stored` after that. */
  has(message: RouteMessage): boolean {
    return this.#storing.size > 0 && this.#storing.has(messageKey(message));
  }

  /** The deliveries are held until the mailbox has it. */
  add(items: readonly BatchItem<MailboxEntry>[]): void {
    for (const { entry, delivery } of items) {
      delivery.hold();
      if (entry.kind === 'message') this.#count(entry, 1);
    }
    this.#waiting.push(...items);
    if (this.#batches.stopped) this.#returnToBroker();
    else if (this.#waiting.length > 0) this.#running ??= this.#run();
  }

  /** Finishes the batch in hand, unless that waits for the database; the rest goes back to the broker. */
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
