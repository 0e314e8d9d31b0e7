/// <reference lib="dom" />
import { type DBSchema, type IDBPDatabase, openDB } from 'idb';
import type { StoredIncoming, StoredOutgoing, StoredRead } from '../storage.ts';
import { StorageError, storageError } from './storage-error.ts';

/** A change of {@link Schema} needs a new version, and an upgrade from each older one. */
const VERSION = 1;

/** A message that was seen; its key, which counts up, is its place in the order. */
export interface SeenName {
  readonly from: string;
  readonly id: string;
  readonly seenAt: number;
}

export interface Schema extends DBSchema {
  /** The user, under the key `user`. */
  owner: { key: string; value: string };
  outbox: { key: number; value: StoredOutgoing };
  inbox: { key: number; value: StoredIncoming };
  reads: { key: [string, string]; value: StoredRead };
  seen: { key: number; value: SeenName; indexes: { name: [string, string] } };
}

export type Database = IDBPDatabase<Schema>;

export interface OpenOptions {
  /** Default: the version of this library. */
  readonly version?: number;
  /** Called when the database was closed by anyone but the caller. */
  readonly lost: (cause: StorageError) => void;
}

/**
 * Opens the database. It closes itself, and calls `lost`, when a page with a newer version of this library wants to
 * change it or somebody deletes it: else they would have to wait until this page is closed.
 *
 * @throws StorageError
 */
export function openDatabase(name: string, { version = VERSION, lost }: OpenOptions): Promise<Database> {
  return new Promise((resolve, reject) => {
    const fail = (cause: unknown) => reject(storageError(cause));
    let given = false;
    const opening = openDB<Schema>(name, version, {
      upgrade: (database, older) => {
        if (older === 0) create(database);
      },
      blocked: () => {
        given = true;
        fail(new StorageError('blocked', `an old tab keeps the database ${name} open`));
      },
      blocking: (_old, newer, event) => {
        (event.target as IDBDatabase).close();
        const reason = newer === null ? 'lost' : 'newer_version';
        lost(new StorageError(reason, `the database ${name} was deleted or changed by another page`));
      },
      terminated: () => lost(new StorageError('lost', `the browser closed the database ${name}`)),
    });
    opening.then((database) => {
      // The old tab has let go at last, but the caller has its answer.
      if (given) database.close();
      else resolve(database);
    }, fail);
  });
}

function create(database: Database): void {
  database.createObjectStore('owner');
  for (const name of ['outbox', 'inbox'] as const) database.createObjectStore(name, { keyPath: 'n' });
  database.createObjectStore('reads', { keyPath: ['from', 'id'] });
  const seen = database.createObjectStore('seen', { autoIncrement: true });
  seen.createIndex('name', ['from', 'id'], { unique: true });
}
