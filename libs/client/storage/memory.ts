import type {
  Change,
  MessageName,
  Storage,
  Stored,
  StoredIncoming,
  StoredOutgoing,
  StoredRead,
} from '../storage.ts';
import { withReceipt } from './with-receipt.ts';

interface SeenName {
  readonly ordinal: number;
  readonly seenAt: number;
}

/** Options of {@link MemoryStorage}. */
export interface MemoryStorageOptions {
  /** Most seen names kept, also of young ones: memory is limited. */
  maxSeen?: number;
}

const DEFAULT_MAX_SEEN = 1_000_000;

/**
 * Keeps everything in memory: for tests, and for programs whose messages need not survive them. The next client can use it
 * after the last one was closed.
 */
export class MemoryStorage implements Storage {
  readonly #maxSeen: number;
  #owner: string | undefined;
  readonly #outbox = new Map<number, StoredOutgoing>();
  readonly #inbox = new Map<number, StoredIncoming>();
  readonly #reads = new Map<string, StoredRead>();
  /** In the order they were added. */
  readonly #seen = new Map<string, SeenName>();
  #ordinal = 0;

  constructor({ maxSeen = DEFAULT_MAX_SEEN }: MemoryStorageOptions = {}) {
    this.#maxSeen = maxSeen;
  }

  load(): Promise<Stored> {
    const byN = (a: { n: number }, b: { n: number }) => a.n - b.n;
    return Promise.resolve({
      ...(this.#owner !== undefined && { owner: this.#owner }),
      outbox: [...this.#outbox.values()].sort(byN),
      inbox: [...this.#inbox.values()].sort(byN),
      reads: [...this.#reads.values()],
    });
  }

  write(changes: readonly Change[]): Promise<void> {
    for (const change of changes) this.#apply(change);
    return Promise.resolve();
  }

  seen(names: readonly MessageName[]): Promise<boolean[]> {
    return Promise.resolve(names.map((name) => this.#seen.has(`${name.from}/${name.id}`)));
  }

  trimSeen({ count, since, now = Infinity }: { count: number; since: number; now?: number }): Promise<void> {
    for (const [name, { ordinal, seenAt }] of this.#seen) {
      if (seenAt > now && ordinal <= this.#ordinal - count) {
        this.#seen.set(name, { ordinal, seenAt: now });
        continue;
      }
      const tooMany = ordinal <= this.#ordinal - this.#maxSeen;
      if (!tooMany && (ordinal > this.#ordinal - count || seenAt >= since)) break;
      this.#seen.delete(name);
    }
    return Promise.resolve();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  /** A copy, as another process would find the storage now. */
  clone(): MemoryStorage {
    const copy = new MemoryStorage({ maxSeen: this.#maxSeen });
    copy.#owner = this.#owner;
    copy.#ordinal = this.#ordinal;
    for (const [n, entry] of this.#outbox) copy.#outbox.set(n, entry);
    for (const [n, entry] of this.#inbox) copy.#inbox.set(n, entry);
    for (const [name, item] of this.#reads) copy.#reads.set(name, item);
    for (const [name, seen] of this.#seen) copy.#seen.set(name, seen);
    return copy;
  }

  #apply(change: Change): void {
    switch (change.do) {
      case 'owner.set':
        this.#owner = change.user;
        return;
      case 'outbox.put':
        this.#outbox.set(change.entry.n, change.entry);
        return;
      case 'outbox.accepted': {
        const entry = this.#outbox.get(change.n);
        if (entry) this.#outbox.set(change.n, { ...entry, acceptedAt: change.at });
        return;
      }
      case 'outbox.receipt': {
        const entry = this.#outbox.get(change.n);
        if (entry) this.#outbox.set(change.n, withReceipt(entry, change.receipt));
        return;
      }
      case 'outbox.delete':
        this.#outbox.delete(change.n);
        return;
      case 'inbox.put':
        this.#inbox.set(change.entry.n, change.entry);
        return;
      case 'inbox.delete':
        this.#inbox.delete(change.n);
        return;
      case 'read.put':
        this.#reads.set(`${change.item.from}/${change.item.id}`, change.item);
        return;
      case 'read.delete':
        this.#reads.delete(`${change.from}/${change.id}`);
        return;
      case 'clear':
        this.#owner = undefined;
        for (const map of [this.#outbox, this.#inbox, this.#reads, this.#seen]) map.clear();
        return;
      case 'seen.add': {
        const name = `${change.from}/${change.id}`;
        if (!this.#seen.has(name)) this.#seen.set(name, { ordinal: ++this.#ordinal, seenAt: change.seenAt });
        return;
      }
    }
  }
}
