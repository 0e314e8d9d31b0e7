import { ClientError } from '../errors.ts';
import type { Change, Durability, Storage } from '../storage.ts';

interface Batch {
  readonly changes: Change[];
  readonly done: ((error?: ClientError) => void)[];
  durability: Durability;
}

/** Most deletions that wait for a storage that fails; one that is forgotten only means that an entry comes again. */
const MAX_OWED = 10_000;

const emptyBatch = (): Batch => ({ changes: [], done: [], durability: 'relaxed' });

/**
 * Writes to the storage as group commit: while one write is under way the next changes gather, and go as one. A busy
 * client thus shares one fsync among many messages, and an idle one does not wait. Changes are applied and
 * answered in the order they were given.
 */
export class WriteBatcher {
  readonly #storage: Storage;
  #next = emptyBatch();
  /** Changes of failed writes that must not get lost, by their subject: they go first in the next write. */
  #owed = new Map<string, Change>();
  #running: Promise<void> | undefined;
  #closed = false;

  constructor(storage: Storage) {
    this.#storage = storage;
  }

  /** @param done called once the changes are durable, or with the error when none of them was applied; not at all
   *   when the writes is closed */
  write(changes: readonly Change[], durability: Durability, done?: (error?: ClientError) => void): void {
    if (this.#closed) return;
    for (const change of changes) this.#next.changes.push(change);
    if (durability === 'strict') this.#next.durability = 'strict';
    if (done) this.#next.done.push(done);
    this.#running ??= this.#run();
  }

  /**
   * Resolves when all changes so far, and those that follow from them at once, are written. Ignores later changes.
   *
   * @param last changes that are written after all others
   * @returns the error of the last write, if it failed
   */
  async close(last: Change[] = []): Promise<ClientError | undefined> {
    while (this.#running) await this.#running;
    this.#closed = true;
    if (this.#owed.size === 0 && last.length === 0) return undefined;
    return this.#commit({ changes: last, done: [], durability: 'strict' });
  }

  async #run(): Promise<void> {
    // Changes of the same turn of the event loop go together.
    await Promise.resolve();
    while (this.#next.changes.length > 0) {
      const batch = this.#next;
      this.#next = emptyBatch();
      const error = await this.#commit(batch);
      for (const done of batch.done) done(error);
    }
    this.#running = undefined;
  }

  async #commit({ changes, durability }: Batch): Promise<ClientError | undefined> {
    const all = [...this.#owed.values(), ...changes];
    try {
      await this.#storage.write(all, durability);
      this.#owed.clear();
      return undefined;
    } catch (cause) {
      for (const change of all) this.#owe(change);
      return new ClientError('storage', `the storage failed to write ${changes.length} changes`, { cause });
    }
  }

  /** The next run must not send a message that was given up, nor send messages in the name of another user. */
  #owe(change: Change): void {
    if (change.do === 'owner.set') this.#owed.set(change.do, change);
    if (change.do !== 'outbox.delete' && change.do !== 'inbox.delete') return;
    if (this.#owed.size < MAX_OWED) this.#owed.set(`${change.do} ${change.n}`, change);
  }
}
