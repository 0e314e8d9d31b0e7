import type { IDBPTransaction, StoreNames } from 'idb';
import type { Change, MessageName, StoredOutgoing } from '../storage.ts';
import { withReceipt } from '../storage/with-receipt.ts';
import type { Database, Schema } from './database.ts';
import { StorageError } from './storage-error.ts';

export const STORES = ['owner', 'outbox', 'inbox', 'reads', 'seen'] as const;
export type Writing = IDBPTransaction<Schema, StoreNames<Schema>[], 'readwrite'>;

export const seenKey = ({ from, id }: MessageName): [string, string] => [from, id];

/** What the changes need to know of the database before they are applied. */
interface Known {
  /** Outbox entries that a note is made on. */
  readonly outbox: Map<number, StoredOutgoing>;
  /** Names that are in the seen set. */
  readonly seen: Set<string>;
}

/**
 * Applies the changes in their order. All reads come first and at a time, because each one that is waited for costs a
 * round trip to the process of the browser that has the database.
 */
export async function apply(transaction: Writing, changes: readonly Change[]): Promise<void> {
  const cleared = changes.findLastIndex((change) => change.do === 'clear');
  const rest = changes.slice(cleared + 1);
  if (cleared >= 0) for (const name of STORES) request(transaction.objectStore(name).clear());
  const known = await read(transaction, rest);
  for (const change of rest) write(transaction, known, change);
}

async function read(transaction: Writing, changes: readonly Change[]): Promise<Known> {
  const known: Known = { outbox: new Map(), seen: new Set() };
  const outbox = transaction.objectStore('outbox');
  const names = transaction.objectStore('seen').index('name');
  const reads = changes.flatMap((change): Promise<unknown>[] => {
    if (change.do === 'seen.add')
      return [names.getKey(seenKey(change)).then((key) => key && known.seen.add(String(seenKey(change))))];
    if (change.do !== 'outbox.accepted' && change.do !== 'outbox.receipt') return [];
    return [outbox.get(change.n).then((entry) => entry && known.outbox.set(change.n, entry))];
  });
  await Promise.all(reads);
  return known;
}

function write(transaction: Writing, { outbox, seen }: Known, change: Change): void {
  const note = (n: number, add: (entry: StoredOutgoing) => StoredOutgoing): void => {
    const entry = outbox.get(n);
    if (!entry) return;
    outbox.set(n, add(entry));
    request(transaction.objectStore('outbox').put(add(entry)));
  };
  switch (change.do) {
    case 'owner.set':
      request(transaction.objectStore('owner').put(change.user, 'user'));
      return;
    case 'outbox.put':
      outbox.set(change.entry.n, change.entry);
      request(transaction.objectStore('outbox').put(change.entry));
      return;
    case 'outbox.accepted':
      note(change.n, (entry) => ({ ...entry, acceptedAt: change.at }));
      return;
    case 'outbox.receipt':
      note(change.n, (entry) => withReceipt(entry, change.receipt));
      return;
    case 'outbox.delete':
      outbox.delete(change.n);
      request(transaction.objectStore('outbox').delete(change.n));
      return;
    case 'inbox.put':
      request(transaction.objectStore('inbox').put(change.entry));
      return;
    case 'inbox.delete':
      request(transaction.objectStore('inbox').delete(change.n));
      return;
    case 'read.put':
      request(transaction.objectStore('reads').put(change.item));
      return;
    case 'read.delete':
      request(transaction.objectStore('reads').delete(seenKey(change)));
      return;
    case 'clear':
      return; // apply() has done it
    case 'seen.add': {
      const { from, id, seenAt } = change;
      const name = String(seenKey(change));
      if (!seen.has(name)) request(transaction.objectStore('seen').add({ from, id, seenAt }));
      seen.add(name);
      return;
    }
  }
}

/** The transaction fails with it, and its end is waited for: nobody waits for the single request. */
export function request(promise: Promise<unknown>): void {
  promise.catch(() => undefined);
}

/**
 * Runs `work` in a transaction that changes the database. Resolves when it is committed, with the durability.
 *
 *  * @throws what made it fail; then nothing of it was applied
 */
export async function inTransaction<T>(
  database: Database,
  durability: IDBTransactionDurability,
  work: (transaction: Writing) => Promise<T>,
): Promise<T> {
  const transaction = begin(() => database.transaction([...STORES], 'readwrite', { durability }));
  const { done } = transaction;
  request(done); // it may fail while work() runs
  try {
    const result = await work(transaction);
    await done;
    return result;
  } catch (cause) {
    try {
      transaction.abort();
    } catch {
      // It has ended already, and `done` says why.
    }
    await done.catch((why: unknown) => {
      throw why instanceof DOMException && why.name !== 'AbortError' ? why : cause;
    });
    throw cause;
  }
}

/** Begins a transaction. @throws StorageError `lost` when the browser has closed the database */
export function begin<T>(start: () => T): T {
  try {
    return start();
  } catch (cause) {
    throw new StorageError('lost', 'the browser closed the database', cause);
  }
}
