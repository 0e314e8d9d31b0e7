import {
  BatchProcessor,
  returnToBroker,
  type BatchProcessorOptions,
  type BatchItem,
} from '#libs/broker/batch-processor.ts';
import type { Confirm, Logout, Pull, RouteMessage, Sent } from '#libs/broker/entries.ts';
import { messageKey } from '#libs/protocol/names.ts';
import { logOut } from './remove-devices.ts';
import { storeSynced } from './store-copies.ts';
import { storeOffline, type MailboxContext } from './store-offline.ts';
import type { SyncedLocation } from './synced-location.ts';
import { confirm, pull } from './offline.ts';
import { select } from './select.ts';

/** An operation on a mailbox: store a message, delete entries, read a page, remove it. */
export type MailboxEntry = RouteMessage | Sent | Confirm | Pull | Logout;

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
  /** Messages for users with synced devices that wait or are being stored: where the user was; and how many, by user. */
  readonly #synced = new WeakMap<MailboxEntry, SyncedLocation>();
  readonly #syncedUsers = new Map<string, number>();
  #running: Promise<void> | undefined;

  constructor(
    mailbox: MailboxContext,
    options: Pick<BatchProcessorOptions<MailboxEntry>, 'isTransient' | 'dead' | 'log'>,
  ) {
    const stored = new WeakSet<MailboxEntry>(); // a retried batch stores and counts no message twice
    const handle = async (items: readonly BatchItem<MailboxEntry>[], again: boolean) => {
      await confirm(mailbox, select(items, 'confirm'), again); // before the pulls that may follow them
      const messages = select(items, 'message', 'sent').filter(({ entry }) => !stored.has(entry));
      const synced = messages.flatMap((item) => {
        const location = this.#synced.get(item.entry);
        return location ? [{ ...item, location }] : [];
      });
      const plain = select(messages, 'message').filter(({ entry }) => !this.#synced.has(entry));
      await storeOffline(mailbox, plain);
      for (const { entry } of plain) stored.add(entry);
      await storeSynced(mailbox, synced);
      for (const { entry } of synced) stored.add(entry);
      await pull(mailbox, select(items, 'pull'));
      await logOut(mailbox, select(items, 'logout'));
      mailbox.outbox?.hold(items);
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

  /** Messages for this user are being stored, which go live then: what is newer must not overtake them. */
  storesFor(user: string): boolean {
    return this.#syncedUsers.has(user);
  }

  /**
   * Holds the deliveries until the operation is done.
   *
   * @param location of the user that messages are for, if that one has synced devices
   */
  add(items: readonly BatchItem<MailboxEntry>[], location?: SyncedLocation): void {
    for (const { entry, delivery } of items) {
      delivery.hold();
      if (location) this.#synced.set(entry, location);
      this.#count(entry, 1);
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
      for (const { entry } of batch) this.#count(entry, -1);
    }
    this.#running = undefined;
  }

  #returnToBroker(): void {
    returnToBroker(this.#waiting.splice(0));
  }

  #count(entry: MailboxEntry, change: 1 | -1): void {
    if (entry.kind === 'message') add(this.#storing, messageKey(entry), change);
    if (this.#synced.has(entry))
      add(this.#syncedUsers, entry.kind === 'message' ? entry.to : entry.user, change);
  }
}

function add(counts: Map<string, number>, name: string, change: 1 | -1): void {
  const count = (counts.get(name) ?? 0) + change;
  if (count > 0) counts.set(name, count);
  else counts.delete(name);
}
