import type { StorageReason } from '#libs/client/indexeddb/indexeddb.ts';
import type { OutgoingState, Status, Storage } from '#libs/client/index.ts';

/** Where a page keeps the client's state. */
export type PageStorage = 'memory' | 'indexeddb';

/** What a page gives to the service worker's fetchMailbox. */
export interface WorkerFetch {
  readonly url: string;
  readonly token: string;
  readonly name: string;
}

/** How a page makes its client. */
export interface StartOptions {
  readonly url: string;
  readonly token: string;
  /** Names this page in what it reports. */
  readonly tab: string;
  readonly storage: PageStorage;
  /** Name of the storage. */
  readonly database: string;
  /** Shares one connection with the other tabs; for `indexeddb` only. */
  readonly tabs?: boolean;
  readonly device?: string;
  /** Pauses of the client, milliseconds: a fault of seconds must not turn into one of half a minute. */
  readonly tuning?: Readonly<Record<string, unknown>>;
}

/** What a page tells the site, in order. */
export type Report = { readonly tab: string } & (
  | { readonly kind: 'handled'; readonly from: string; readonly id: string; readonly again: boolean }
  /** Shown, while another tab handles it. */
  | { readonly kind: 'mirrored'; readonly from: string; readonly id: string }
  /** The message has this state, for the first time in this page. */
  | { readonly kind: 'told'; readonly id: string; readonly state: OutgoingState }
  /** `reason`: of a StorageError. */
  | { readonly kind: 'error'; readonly code: string; readonly message: string; readonly reason?: string }
);

/** Methods of a storage, to be called from a test. */
export type StorageMethod = keyof Storage;

/** What a test can have a page do, as functions of its global `sixfold`. All values pass as JSON. */
export interface PageApi {
  /** Another one after each load of the page. */
  readonly instance: string;
  start(options: StartOptions): void;
  status(): Status;
  /** Hands messages to send(), with these ids, one after the other, and `pauseMs` between them. @returns at once */
  send(to: string, ids: readonly string[], pauseMs?: number): void;
  /** States of the messages that have no final one. */
  outbox(): { id: string; state: OutgoingState }[];
  /** Waits until the outbox has that number of messages. @returns the time since start() was called, milliseconds */
  started(outbox: number): Promise<number>;
  reconnect(): void;
  /** Whether this tab has the connection. */
  leads(): boolean;
  /** Has the service worker of examples/ fetch the mailbox, as a push does. @returns ids of the messages that are new */
  fetchInWorker(options: WorkerFetch): Promise<string[]>;
  /** The page's clock differs from the real one by so much from now on, milliseconds. */
  moveClock(ms: number): void;
  close(): Promise<void>;
  /** Whether the policy of the site lets the page make code of text. */
  allowsEval(): Promise<boolean>;
  /** Makes a storage. @returns its number, for `storage` */
  openStorage(kind: PageStorage, name: string): number;
  /** Puts as many messages into a storage's outbox as an application may leave there, and closes it. */
  fillOutbox(database: string, to: string, count: number): Promise<void>;
  storage(n: number, method: StorageMethod, args: readonly unknown[]): unknown;
  /** Opens a database as this library would do, or with another version of it. @returns why that fails, or that it is open */
  openDatabase(name: string, version?: number): Promise<StorageReason | 'open'>;
}
