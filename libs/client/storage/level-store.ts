import type { ClassicLevel } from 'classic-level';

export type Operation = { type: 'put'; key: string; value: string } | { type: 'del'; key: string };

/** Names the run that wrote last; tells a repaired store from one that another process had meanwhile. */
export const RUN_KEY = 'run';

const put = (key: string, value: string): Operation => ({ type: 'put', key, value });

/**
 * A LevelDB store whose acknowledged writes are readable after a restart, also after one that failed.
 *
 * A failed write (a full disk) leaves part of a record in LevelDB's log. LevelDB then takes further writes, reports
 * success, and cannot read them after a restart: they stand behind a record that its reader gives up on. So after a
 * failed write the store is broken. Before the next write it is repaired: closed and opened again, which keeps what is
 * readable and begins a new log, and what the failed batch may have changed is set back by a synced write. While that
 * fails, every write fails with its error.
 */
export class LevelStore {
  readonly #level: ClassicLevel;
  readonly #run: string = crypto.randomUUID();
  /** Who wrote last, as far as this run knows. */
  #lastRun: string | undefined;
  /** The end of what is under way: writes and repairs never overlap. */
  #tail: Promise<unknown> = Promise.resolve();
  /** The batch that failed. The store is broken while there is one. */
  #failed: readonly Operation[] | undefined;
  /** Sets back what the failed batch may have changed. */
  #undo: Operation[] | undefined;
  #closed = false;

  constructor(level: ClassicLevel) {
    this.#level = level;
  }

  /** Opens the store; a broken one as it is on disk now. */
  open(): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#failed) await this.#level.close();
      await this.#level.open();
      this.#closed = false;
      this.#failed = undefined;
      this.#undo = undefined;
      this.#lastRun = await this.#level.get(RUN_KEY);
    });
  }

  /** Applies the operations that `prepare` returns, all or none. @param sync they are on disk when it resolves */
  write(prepare: (level: ClassicLevel) => Promise<Operation[]>, sync: boolean): Promise<void> {
    return this.#inTurn(async () => {
      await this.#repair();
      const operations = await prepare(this.#level);
      if (operations.length > 0) await this.#batch(operations, sync);
    });
  }

  /** Reads beside what is being written. */
  async read<T>(get: (level: ClassicLevel) => Promise<T>): Promise<T> {
    if (this.#level.status !== 'open') await this.#inTurn(() => this.#repair());
    return get(this.#level);
  }

  close(): Promise<void> {
    this.#closed = true;
    return this.#inTurn(() => this.#level.close());
  }

  #inTurn<T>(run: () => Promise<T>): Promise<T> {
    const result = this.#tail.then(run);
    this.#tail = result.catch(() => undefined); // its caller has the error
    return result;
  }

  async #batch(operations: Operation[], sync: boolean): Promise<void> {
    const all = this.#lastRun === this.#run ? operations : [...operations, put(RUN_KEY, this.#run)];
    try {
      await this.#level.batch(all, { sync });
    } catch (cause) {
      this.#failed = all;
      throw cause;
    }
    this.#lastRun = this.#run;
  }

  async #repair(): Promise<void> {
    if (!this.#failed) return;
    if (this.#closed) throw new Error('the storage is closed');
    // The open store does not show what failed: this is what was before.
    this.#undo ??= await this.#values(this.#failed);
    await this.#level.close();
    await this.#level.open();
    const lastRun = await this.#level.get(RUN_KEY);
    if (lastRun !== this.#lastRun && lastRun !== this.#run) {
      await this.#level.close(); // and stays broken: what this run believes of it is no longer true
      throw new Error('another process has written to the storage');
    }
    await this.#level.batch(this.#undo, { sync: true });
    this.#failed = undefined;
    this.#undo = undefined;
  }

  /** What writes the present values of the same keys. */
  async #values(operations: readonly Operation[]): Promise<Operation[]> {
    const keys = [...new Set(operations.map(({ key }) => key))];
    const values = await this.#level.getMany(keys);
    return keys.map((key, index) => {
      const value = values[index];
      return value === undefined ? { type: 'del', key } : put(key, value);
    });
  }
}
