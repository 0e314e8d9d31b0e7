import { openDatabase } from '#libs/client/indexeddb/database.ts';
import { IndexedDbStorage, StorageError, type StorageReason } from '#libs/client/indexeddb/indexeddb.ts';
import { type Client, connect, MemoryStorage, type OutgoingState, type Storage } from '#libs/client/index.ts';
import { connectTabs, type TabClient, type TabMessage } from '#libs/client/tabs/tabs.ts';
import type { PageApi, PageStorage, StartOptions } from './api.ts';
import { report } from './report.ts';
import { fetchInWorker } from './worker-client.ts';

/**
 * The program of a test's page. It does what an application does, and tells the site what it handled and what it was told, so
 * that a test knows it also of a page that is gone.
 */

type StorageCall = (...args: readonly unknown[]) => unknown;

const storages: Storage[] = [];
let client: Client | TabClient | undefined;
let startedAt = 0;

function running(): Client | TabClient {
  if (!client) throw new Error('start() comes first');
  return client;
}

const STORAGES: Record<PageStorage, (name: string) => Storage> = {
  memory: () => new MemoryStorage(),
  indexeddb: (name) => new IndexedDbStorage(name),
};

function start({ tab, storage, database, tabs = false, ...options }: StartOptions): void {
  startedAt = performance.now();
  client = tabs
    ? connectTabs({ ...options, storage: new IndexedDbStorage(database) })
    : connect({ ...options, storage: STORAGES[storage](database) });
  const told = new Map<string, OutgoingState>();
  client.onOutgoing(({ id, state }) => {
    if (told.get(id) !== state) void report({ tab, kind: 'told', id, state });
    told.set(id, state);
  });
  client.onError(({ code, message, cause }) => {
    const reason = cause instanceof StorageError ? { reason: cause.reason } : {};
    void report({ tab, kind: 'error', code, message, ...reason });
  });
  // A message is handled when the site has the report, whatever happens to the page then. A request fails only where the page
  // is about to go: whether the site got it is unknown, and so the handler never ends.
  client.onMessage(({ from, id, again, mirrored }: TabMessage) => {
    if (mirrored) return report({ tab, kind: 'mirrored', from, id });
    const told = report({ tab, kind: 'handled', from, id, again: again === true });
    return told.catch(() => new Promise(() => undefined));
  });
}

async function send(to: string, ids: readonly string[], pauseMs: number): Promise<void> {
  for (const id of ids) {
    running().send(to, { text: id }, { id });
    if (pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}

async function started(outbox: number): Promise<number> {
  while (running().outbox().length < outbox) await new Promise((resolve) => setTimeout(resolve, 1));
  return performance.now() - startedAt;
}

const BATCH = 1000;

async function fillOutbox(database: string, to: string, count: number): Promise<void> {
  const storage = new IndexedDbStorage(database);
  await storage.load();
  for (let first = 1; first <= count; first += BATCH) {
    const numbers = Array.from({ length: Math.min(BATCH, count - first + 1) }, (_, index) => first + index);
    await storage.write(
      numbers.map((n) => ({
        do: 'outbox.put',
        entry: { n, id: `m${n}`, to, bodyText: JSON.stringify({ text: `message ${n}, of a usual length` }) },
      })),
      'relaxed',
    );
  }
  await storage.close();
}

async function open(name: string, version?: number): Promise<StorageReason | 'open'> {
  const options = { lost: () => undefined, ...(version !== undefined && { version }) };
  return openDatabase(name, options).then(
    (database) => {
      database.close();
      return 'open' as const;
    },
    // Its class is that of another copy of the library, where this one is not bundled.
    (cause: unknown) => (cause as StorageError).reason,
  );
}

function moveClock(ms: number): void {
  const real = Date.now.bind(Date);
  Date.now = () => real() + ms;
}

async function allowsEval(): Promise<boolean> {
  // What a debugger has called may do more than the page itself: only a timer of the page's own tells.
  await new Promise((resolve) => setTimeout(resolve));
  try {
    return Reflect.construct(Function, ['return true']) instanceof Function;
  } catch {
    return false;
  }
}

const api: PageApi = {
  instance: crypto.randomUUID(),
  ...{ start, started, moveClock, allowsEval, fillOutbox, fetchInWorker },
  status: () => running().status,
  send: (to, ids, pauseMs = 0) => void send(to, ids, pauseMs),
  outbox: () =>
    running()
      .outbox()
      .map(({ id, state }) => ({ id, state })),
  leads: () => 'leads' in running() && (running() as TabClient).leads,
  reconnect: () => running().reconnect(),
  close: () => running().close(),
  openDatabase: open,
  openStorage: (kind, name) => storages.push(STORAGES[kind](name)) - 1,
  storage: (n, method, args) => {
    const storage = storages[n];
    if (!storage) throw new Error(`there is no storage ${n}`);
    return Reflect.apply(Reflect.get(storage, method) as StorageCall, storage, args);
  },
};

Object.assign(globalThis, { sixfold: api });
