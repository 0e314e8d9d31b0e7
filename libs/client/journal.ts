import { ClientError } from './errors.ts';
import type { Change, Durability, Storage } from './storage.ts';

interface Batch {
  readonly changes: Change[];
  readonly done: ((error?: ClientError) => void)[];
  durability: Durability;
}

const emptyBatch = (): Batch => ({ changes: [], done: [], durability: 'relaxed' });

/**
 * Writes to the storage as group commit: while one write is under way the next changes gather, and go as one. A busy
 * client thus shares one fsync among many messages, and an idle one waits for nobody. Changes are applied and
 * answered in the order they were given.
 */
export class Journal {
  readonly #storage: Storage;
  #next = emptyBatch();
  #running: Promise<void> | undefined;
  #closed = false;

  constructor(storage: Storage) {
    this.#storage = storage;
  }

  /** @param done called once the changes are durable, or with the error when none of them was applied; not at all
   *   when the journal is closed */
  write(changes: readonly Change[], durability: Durability, done?: (error?: ClientError) => void): void {
    if (this.#closed) return;
    for (const change of changes) this.#next.changes.push(change);
    if (durability === 'strict') this.#next.durability = 'strict';
    if (done) this.#next.done.push(done);
    this.#running ??= this.#run();
  }

  /** Resolves when everything given so far, and what follows from it at once, is written. What comes later is not. */
  async close(): Promise<void> {
    while (this.#running) await this.#running;
    this.#closed = true;
  }

  async #run(): Promise<void> {
    // What is given in the same turn of the event loop goes together.
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
    try {
      await this.#storage.write(changes, durability);
      return undefined;
    } catch (cause) {
      return new ClientError('storage', `the storage failed to write ${changes.length} changes`, { cause });
    }
  }
}
