/** Waits for a commit: called once, with the error if it failed. */
export interface Pending {
  settled(error?: Error): void;
}

export interface GroupCommitOptions<T> {
  /** Makes one group durable; resolves when it is. Called with at most `concurrency` groups at a time, in order. */
  commit: (group: T[]) => Promise<void>;
  /** Groups under way at a time. */
  concurrency: number;
  /** Most entries of a group. */
  maxEntries: number;
  /** Most bytes (or any other weight) of a group, unless a single entry is larger. */
  maxWeight: number;
  weigh: (entry: T) => number;
}

/**
 * While a commit is under way, new entries gather, and leave as one group when there is room. Without load an entry
 * leaves in the same turn of the event loop. Under load groups grow, and share the price of a commit (an AMQP message
 * and its confirm).
 */
export class GroupCommit<T extends Pending> {
  readonly #options: GroupCommitOptions<T>;
  #waiting: T[] = [];
  #waitingWeight = 0;
  #underWay = 0;
  #scheduled = false;
  #idle: (() => void)[] = [];

  constructor(options: GroupCommitOptions<T>) {
    this.#options = options;
  }

  /** Weight of the entries that no commit has taken yet. */
  get waitingWeight(): number {
    return this.#waitingWeight;
  }

  get idle(): boolean {
    return this.#waiting.length === 0 && this.#underWay === 0;
  }

  add(entry: T): void {
    this.#waiting.push(entry);
    this.#waitingWeight += this.#options.weigh(entry);
    this.#schedule();
  }

  /** The entry that has waited longest. */
  get oldest(): T | undefined {
    return this.#waiting[0];
  }

  /** Gives up on entries that no commit has taken, from the oldest to the first that `isOver` is false for. */
  expire(isOver: (entry: T) => boolean, error: Error): void {
    let count = this.#waiting.findIndex((entry) => !isOver(entry));
    if (count < 0) count = this.#waiting.length;
    for (const entry of this.#waiting.splice(0, count)) {
      this.#waitingWeight -= this.#options.weigh(entry);
      entry.settled(error);
    }
  }

  /** Resolves when everything added so far is settled. */
  async drained(): Promise<void> {
    if (this.idle) return;
    await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  /** Entries of one turn of the event loop leave together: a burst read from many sockets is one group. */
  #schedule(): void {
    if (this.#scheduled || this.#underWay >= this.#options.concurrency) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      while (this.#waiting.length > 0 && this.#underWay < this.#options.concurrency)
        void this.#commit(this.#take());
    });
  }

  #take(): T[] {
    const { maxEntries, maxWeight, weigh } = this.#options;
    let weight = 0;
    let count = 0;
    for (const entry of this.#waiting) {
      const more = weigh(entry);
      if (count === maxEntries || (count > 0 && weight + more > maxWeight)) break;
      weight += more;
      count++;
    }
    this.#waitingWeight -= weight;
    if (count === this.#waiting.length) {
      const all = this.#waiting;
      this.#waiting = [];
      return all;
    }
    return this.#waiting.splice(0, count);
  }

  async #commit(group: T[]): Promise<void> {
    this.#underWay++;
    let failure: Error | undefined;
    try {
      await this.#options.commit(group);
    } catch (error) {
      failure = error instanceof Error ? error : new Error(String(error));
    }
    this.#underWay--;
    for (const entry of group) entry.settled(failure);
    if (this.#waiting.length > 0) this.#schedule();
    else if (this.#underWay === 0) for (const resolve of this.#idle.splice(0)) resolve();
  }
}
