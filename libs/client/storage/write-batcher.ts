import { ClientError } from '../errors.ts';
import type { Change, Durability, Storage } from '../storage.ts';

interface Batch {
  /** Of each call. */
  readonly writes: (readonly Change[])[];
  readonly done: ((ok: boolean) => void)[];
  durability: Durability;
}

/** Most deletions that wait for a storage that fails; one that is forgotten only means that an entry comes again. */
const MAX_OWED = 10_000;

const emptyBatch = (): Batch => ({ writes: [], done: [], durability: 'relaxed' });

/**
 * Writes to the storage as group commit: while one write is under way the next changes gather, and go as one. A busy
 * client thus shares one fsync among many messages, and an idle one does not wait. Changes are applied and
 * answered in the order they were given. Each write that fails is reported.
 */
export class WriteBatcher {
  readonly #storage: Storage;
  readonly #report: (error: ClientError) => void;
  #next = emptyBatch();
  /** Changes of failed writes that must not get lost, by their subject: they go first in the next write. */
  #owed = new Map<string, Change>();
  #running: Promise<void> | undefined;
  #closed = false;

  constructor(storage: Storage, report: (error: ClientError) => void) {
    this.#storage = storage;
    this.#report = report;
  }

  /** @param done called once: with true when the changes are durable, with false when none was applied. Not after close() */
  write(changes: readonly Change[], durability: Durability, done?: (ok: boolean) => void): void {
    if (this.#closed) return;
    this.#next.writes.push(changes);
    if (durability === 'strict') this.#next.durability = 'strict';
    if (done) this.#next.done.push(done);
    this.#running ??= this.#run();
  }

  /**
   * Resolves when all changes so far, and those that follow from them at once, are written. Ignores later changes.
   *
   * @param last changes that are written after all others
   */
  async close(last: Change[] = []): Promise<void> {
    while (this.#running) await this.#running;
    this.#closed = true;
    if (this.#owed.size + last.length > 0) await this.#commit([last], 'strict');
  }

  async #run(): Promise<void> {
    // Changes of the same turn of the event loop go together.
    await Promise.resolve();
    while (this.#next.writes.length > 0) {
      const { writes, durability, done } = this.#next;
      this.#next = emptyBatch();
      const ok = await this.#commit(writes, durability);
      for (const tell of done) tell(ok);
    }
    this.#running = undefined;
  }

  /** @returns whether it succeeded */
  async #commit(writes: (readonly Change[])[], durability: Durability): Promise<boolean> {
    const changes = writes.flat();
    try {
      await this.#storage.write([...this.#owed.values(), ...changes], durability);
      this.#owed.clear();
      return true;
    } catch (cause) {
      for (const write of writes) this.#owe(write);
      this.#report(new ClientError('storage', `failed to write ${changes.length} changes`, { cause }));
      return false;
    }
  }

  /** The next run must not send a message that was given up, nor send messages in the name of another user. */
  #owe(write: readonly Change[]): void {
    // A message leaves the inbox as it joins the seen set: alone, its deletion would have it delivered again, unmarked.
    if (write.some((change) => change.do === 'seen.add')) return;
    for (const change of write) {
      if (change.do === 'owner.set') this.#owed.set(change.do, change);
      if (change.do !== 'outbox.delete' && change.do !== 'inbox.delete') continue;
      if (this.#owed.size < MAX_OWED) this.#owed.set(`${change.do} ${change.n}`, change);
    }
  }
}
