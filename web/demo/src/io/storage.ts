import { MemoryStorage, type Storage } from '@sixfold/client';
import { IndexedDbStorage } from '@sixfold/client/indexeddb';

/**
 * What the client of a person keeps: outbox, inbox and the names of messages that it has seen. It survives a reload, also
 * with messages that no gateway has accepted yet.
 */
export const openStorage = (name: string): Storage =>
  'indexedDB' in globalThis ? new IndexedDbStorage(`sixfold-demo:${name}`) : new MemoryStorage();
