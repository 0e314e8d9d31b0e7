import { ClassicLevel } from 'classic-level';
import type {
  Change,
  Durability,
  MessageName,
  Storage,
  Stored,
  StoredIncoming,
  StoredOutgoing,
  StoredRead,
  StoredReceipt,
} from '../storage.ts';
import { LevelStore, type Operation, RUN_KEY } from './level-store.ts';
import { withReceipt } from './with-receipt.ts';

/**
 * Keys, by prefix. Numbers are padded so that their order is the order of the keys; users and ids hold no slash.
 *
 *     owner              user
 *     out/<n>            outbox entry           acc/<n>   server's time of its msg:A
 *     rcp/<n>/<to>       receipt of one of its receivers
 *     in/<n>             inbox entry
 *     read/<from>/<id>   mark of a message that the user has seen
 *     seen/<from>/<id>   ordinal                ord/<ordinal>   [from, id, seenAt]: the seen set in order
 *     run                see LevelStore
 */
const DIGITS = 16;
const numbered = (prefix: string, n: number) => `${prefix}/${String(n).padStart(DIGITS, '0')}`;
const numberIn = (key: string) => Number(key.split('/')[1]);
const readKey = ({ from, id }: MessageName) => `read/${from}/${id}`;
const receiptKey = (n: number, to: string) => `${numbered('rcp', n)}/${to}`;
const seenKey = ({ from, id }: MessageName) => `seen/${from}/${id}`;
/** All keys of one prefix: '0' is the character after '/'. */
const under = (prefix: string) => ({ gt: `${prefix}/`, lt: `${prefix}0` });

type TrimKeep = Parameters<Storage['trimSeen']>[0];

/** Names that are forgotten in one write. */
const TRIM_BATCH = 1000;

/**
 * Durable storage for Node, in a directory of its own, on LevelDB: a batch is one atomic log record, and a `strict`
 * write is synced to disk before it resolves. Opening a directory that another client holds open fails.
 *
 * A write that fails (a full disk) changes nothing. The next one repairs the store before it writes, and fails with the
 * reason while that is not possible; so do reads then. See {@link LevelStore}.
 */
export class LevelStorage implements Storage {
  readonly #store: LevelStore;
  #ordinal = 0;
  /** Keys of the receipts of each outbox entry, by its number. */
  readonly #receipts = new Map<number, Set<string>>();

  /** @param directory is created when it does not exist */
  constructor(directory: string) {
    this.#store = new LevelStore(new ClassicLevel(directory, { createIfMissing: true }));
  }

  async load(): Promise<Stored> {
    await this.#store.open();
    return this.#store.read(async (level) => {
      const [last] = await level.keys({ ...under('ord'), reverse: true, limit: 1 }).all();
      this.#ordinal = last === undefined ? 0 : Number(last.slice('ord/'.length));
      const owner = await level.get('owner');
      return {
        ...(owner !== undefined && { owner }),
        outbox: await this.#readOutbox(level),
        inbox: (await level.values(under('in')).all()).map((text) => JSON.parse(text) as StoredIncoming),
        reads: (await level.values(under('read')).all()).map((text) => JSON.parse(text) as StoredRead),
      };
    });
  }

  async write(changes: readonly Change[], durability: Durability): Promise<void> {
    await this.#store.write(async (level) => {
      const cleared = changes.findLastIndex((change) => change.do === 'clear');
      const operations = cleared < 0 ? [] : await this.#clear(level);
      const rest = changes.slice(cleared + 1);
      const added = await newlySeen(level, rest, cleared >= 0);
      for (const change of rest) {
        if (change.do === 'seen.add' && !added.delete(seenKey(change))) continue;
        this.#translate(change, operations);
      }
      return operations;
    }, durability === 'strict');
  }

  async seen(names: readonly MessageName[]): Promise<boolean[]> {
    return this.#store.read((level) => level.hasMany(names.map(seenKey)));
  }

  async trimSeen({ count, since, now = Infinity }: TrimKeep): Promise<void> {
    const upTo = numbered('ord', Math.max(0, this.#ordinal - count));
    const progress: { after: string | undefined } = { after: 'ord/' };
    while (progress.after !== undefined) {
      const range = { gt: progress.after, lte: upTo, limit: TRIM_BATCH };
      await this.#store.write(async (level) => {
        const { operations, last } = trimmed(await level.iterator(range).all(), since, now);
        progress.after = last;
        return operations;
      }, false);
    }
  }

  async close(): Promise<void> {
    await this.#store.close();
  }

  #translate(change: Change, into: Operation[]): void {
    switch (change.do) {
      case 'owner.set':
        into.push({ type: 'put', key: 'owner', value: change.user });
        return;
      case 'outbox.put':
        this.#deleteNotes(change.entry.n, into);
        into.push({ type: 'put', key: numbered('out', change.entry.n), value: JSON.stringify(change.entry) });
        return;
      case 'outbox.accepted':
        into.push({ type: 'put', key: numbered('acc', change.n), value: String(change.at) });
        return;
      case 'outbox.receipt': {
        const key = receiptKey(change.n, change.receipt.to);
        this.#hasReceipt(change.n, key);
        into.push({ type: 'put', key, value: JSON.stringify(change.receipt) });
        return;
      }
      case 'outbox.delete':
        this.#deleteNotes(change.n, into);
        into.push({ type: 'del', key: numbered('out', change.n) });
        return;
      case 'inbox.put':
        into.push({ type: 'put', key: numbered('in', change.entry.n), value: JSON.stringify(change.entry) });
        return;
      case 'inbox.delete':
        into.push({ type: 'del', key: numbered('in', change.n) });
        return;
      case 'read.put':
        into.push({ type: 'put', key: readKey(change.item), value: JSON.stringify(change.item) });
        return;
      case 'read.delete':
        into.push({ type: 'del', key: readKey(change) });
        return;
      case 'clear':
        return; // write() has done it
      case 'seen.add': {
        const ordinal = ++this.#ordinal;
        const value = JSON.stringify([change.from, change.id, change.seenAt]);
        into.push({ type: 'put', key: seenKey(change), value: String(ordinal) });
        into.push({ type: 'put', key: numbered('ord', ordinal), value });
        return;
      }
    }
  }

  /** Deletes all but what the {@link LevelStore} keeps for itself. */
  async #clear(level: ClassicLevel): Promise<Operation[]> {
    this.#ordinal = 0;
    this.#receipts.clear();
    const keys = await level.keys().all();
    return keys.filter((key) => key !== RUN_KEY).map((key) => ({ type: 'del', key }));
  }

  #hasReceipt(n: number, key: string): void {
    const keys = this.#receipts.get(n);
    if (keys) keys.add(key);
    else this.#receipts.set(n, new Set([key]));
  }

  /** What came for an outbox entry. */
  #deleteNotes(n: number, into: Operation[]): void {
    const keys = [numbered('acc', n), ...(this.#receipts.get(n) ?? [])];
    this.#receipts.delete(n);
    into.push(...keys.map((key) => ({ type: 'del' as const, key })));
  }

  async #readOutbox(level: ClassicLevel): Promise<StoredOutgoing[]> {
    const entries = new Map<number, StoredOutgoing>();
    for await (const text of level.values(under('out'))) {
      const entry = JSON.parse(text) as StoredOutgoing;
      entries.set(entry.n, entry);
    }
    for await (const [key, at] of level.iterator(under('acc'))) {
      const n = numberIn(key);
      const entry = entries.get(n);
      if (entry) entries.set(n, { ...entry, acceptedAt: Number(at) });
    }
    for await (const [key, text] of level.iterator(under('rcp'))) {
      const n = numberIn(key);
      const entry = entries.get(n);
      this.#hasReceipt(n, key);
      if (entry) entries.set(n, withReceipt(entry, JSON.parse(text) as StoredReceipt));
    }
    return [...entries.values()];
  }
}

/** The keys of the names that these changes add to the seen set and that are not in it. */
async function newlySeen(
  level: ClassicLevel,
  changes: readonly Change[],
  cleared: boolean,
): Promise<Set<string>> {
  const keys = changes.filter((change) => change.do === 'seen.add').map(seenKey);
  if (keys.length === 0 || cleared) return new Set(keys);
  const present = await level.hasMany(keys);
  return new Set(keys.filter((_key, index) => present[index] !== true));
}

/**
 * What to do with the oldest entries of the seen set, up to the first young one: away with them, and what says it was
 * added in the future counts as added now. `last`: the key to go on after, when there is more.
 */
function trimmed(oldest: [string, string][], since: number, now: number) {
  const operations: Operation[] = [];
  for (const [key, value] of oldest) {
    const [from, id, seenAt] = JSON.parse(value) as [string, string, number];
    if (seenAt > now) operations.push({ type: 'put', key, value: JSON.stringify([from, id, now]) });
    else if (seenAt >= since) return { operations };
    else operations.push({ type: 'del', key }, { type: 'del', key: seenKey({ from, id }) });
  }
  return { operations, last: oldest.length < TRIM_BATCH ? undefined : oldest.at(-1)?.[0] };
}
