import type { Change, Durability, MessageName, Storage, Stored } from '../storage.ts';
import { apply, begin, inTransaction, request, seenKey, STORES, type Writing } from './apply.ts';
import { type Database, openDatabase } from './database.ts';
import { StorageError, storageError } from './storage-error.ts';
import { lockStorage } from './storage-lock.ts';

export { StorageError, type StorageReason } from './storage-error.ts';

type TrimKeep = Parameters<Storage['trimSeen']>[0];

/** Names that are forgotten in one transaction. */
const TRIM_BATCH = 1000;

/**
 * Durable storage for browsers, in an IndexedDB database: a write is one transaction, and a `strict` one is on disk before
 * it resolves. It never falls back to memory: what it cannot keep fails with a {@link StorageError}. One client uses it at a
 * time, in the whole browser: load() fails with `in_use` in a second tab (see `@sixfold/client/tabs`).
 */
export class IndexedDbStorage implements Storage {
  /** The name of the database. */
  readonly name: string;
  #database: Database | undefined;
  #release: (() => void) | undefined;
  /** Why there is no database (any more). */
  #missing = new StorageError('failed', 'the storage is not open');

  /** @param name of the database, of which every user on this device needs one of its own */
  constructor(name: string) {
    this.name = name;
  }

  /**
   * Opens the database, and reads it.
   *
   * @param lost called when the browser, or a page with a newer version of this library, has taken it away
   * @throws StorageError
   */
  async load(lost: (cause: StorageError) => void = () => undefined): Promise<Stored> {
    await this.close();
    this.#release = await lockStorage(this.name);
    try {
      this.#database = await openDatabase(this.name, {
        lost: (cause) => {
          this.#end(cause);
          lost(cause);
        },
      });
      return await read(this.#database);
    } catch (cause) {
      const error = storageError(cause);
      this.#end(error);
      throw error;
    }
  }

  /** Applies all changes, in order, or none. @throws StorageError */
  write(changes: readonly Change[], durability: Durability): Promise<void> {
    return this.#change(durability, (transaction) => apply(transaction, changes));
  }

  /** For each name: is it in the seen set? @throws StorageError */
  async seen(names: readonly MessageName[]): Promise<boolean[]> {
    try {
      const database = this.#open;
      const index = begin(() => database.transaction('seen')).store.index('name');
      const keys = await Promise.all(names.map((name) => index.getKey(seenKey(name))));
      return keys.map((key) => key !== undefined);
    } catch (cause) {
      throw storageError(cause);
    }
  }

  /** See {@link Storage.trimSeen}. @throws StorageError */
  async trimSeen(keep: TrimKeep): Promise<void> {
    for (let after: number | undefined = 0; after !== undefined;) {
      const from: number = after;
      after = await this.#change('relaxed', (transaction) => trim(transaction, from, keep));
    }
  }

  /** Closes the database: transactions under way end, and others fail until load(). */
  close(): Promise<void> {
    this.#end(new StorageError('failed', 'the storage is closed'));
    return Promise.resolve();
  }

  get #open(): Database {
    if (!this.#database) throw this.#missing;
    return this.#database;
  }

  async #change<T>(durability: Durability, work: (transaction: Writing) => Promise<T>): Promise<T> {
    try {
      return await inTransaction(this.#open, durability, work);
    } catch (cause) {
      throw storageError(cause);
    }
  }

  #end(why: StorageError): void {
    this.#missing = why;
    this.#database?.close();
    this.#database = undefined;
    this.#release?.();
    this.#release = undefined;
  }
}

/** Reads everything but the seen set, as of one moment. */
async function read(database: Database): Promise<Stored> {
  const transaction = database.transaction([...STORES]);
  const [owner, outbox, inbox, reads] = await Promise.all([
    transaction.objectStore('owner').get('user'),
    transaction.objectStore('outbox').getAll(),
    transaction.objectStore('inbox').getAll(),
    transaction.objectStore('reads').getAll(),
  ]);
  return { ...(owner !== undefined && { owner }), outbox, inbox, reads };
}

/**
 * Forgets the oldest names behind `after`, up to the first young one; what says it was added in the future counts as added
 * now. @returns the key to go on after, when there is more
 */
async function trim(
  transaction: Writing,
  after: number,
  { count, since, now = Infinity }: TrimKeep,
): Promise<number | undefined> {
  const store = transaction.objectStore('seen');
  const last = await store.openKeyCursor(undefined, 'prev');
  const upTo = (last?.key ?? 0) - count;
  if (upTo <= after) return undefined;
  const range = IDBKeyRange.bound(after, upTo, true);
  const [keys, names] = await Promise.all([
    store.getAllKeys(range, TRIM_BATCH),
    store.getAll(range, TRIM_BATCH),
  ]);
  for (const [index, key] of keys.entries()) {
    const name = names[index];
    if (!name) break;
    if (name.seenAt > now) request(store.put({ ...name, seenAt: now }, key));
    else if (name.seenAt >= since) return undefined;
    else request(store.delete(key));
  }
  return keys.length < TRIM_BATCH ? undefined : keys.at(-1);
}
