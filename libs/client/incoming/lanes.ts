import { isThenable } from '../thenable.ts';

export type Outcome = { readonly ok: true } | { readonly ok: false; readonly error: unknown };

interface Lane<T> {
  readonly waiting: T[];
  /** A task of it has not ended. */
  busy: boolean;
}

/**
 * Runs a task per item: the items of one lane one after the other, different lanes side by side. A task that returns
 * no promise ends in place, so that synchronous tasks run in the order of all items.
 */
export class Lanes<T> {
  readonly #run: (item: T) => unknown;
  readonly #done: (item: T, outcome: Outcome) => void;
  readonly #waits: ((item: T) => void) | undefined;
  readonly #lanes = new Map<string, Lane<T>>();
  #paused = true;

  /**
   * @param run the task; none is started before the first {@link resume}
   * @param done called after each task, before the next of the same lane starts
   * @param waits called when a task has not ended in place; its lane waits for it
   */
  constructor(
    run: (item: T) => unknown,
    done: (item: T, outcome: Outcome) => void,
    waits?: (item: T) => void,
  ) {
    this.#run = run;
    this.#done = done;
    this.#waits = waits;
  }

  add(name: string, item: T): void {
    const lane = this.#lanes.get(name) ?? { waiting: [], busy: false };
    this.#lanes.set(name, lane);
    lane.waiting.push(item);
    this.#advance(name, lane);
  }

  /** Starts no further task. */
  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    for (const [name, lane] of this.#lanes) this.#advance(name, lane);
  }

  /** Takes out what waits in a lane, behind the task that runs. */
  take(name: string): T[] {
    return this.#lanes.get(name)?.waiting.splice(0) ?? [];
  }

  /** Pauses for good. @returns what was waiting */
  drop(): T[] {
    this.#paused = true;
    return [...this.#lanes.values()].flatMap(({ waiting }) => waiting.splice(0));
  }

  #advance(name: string, lane: Lane<T>): void {
    while (!this.#paused && !lane.busy) {
      const item = lane.waiting.shift();
      if (item === undefined) {
        this.#lanes.delete(name);
        return;
      }
      lane.busy = true;
      const outcome = this.#start(item);
      if (outcome instanceof Promise) {
        this.#waits?.(item);
        void outcome.then((result) => this.#ended(name, lane, item, result));
        return;
      }
      lane.busy = false;
      this.#done(item, outcome);
    }
  }

  #ended(name: string, lane: Lane<T>, item: T, outcome: Outcome): void {
    lane.busy = false;
    this.#done(item, outcome);
    this.#advance(name, lane);
  }

  #start(item: T): Outcome | Promise<Outcome> {
    try {
      const result = this.#run(item);
      if (!isThenable(result)) return { ok: true };
      return Promise.resolve(result).then(
        () => ({ ok: true }),
        (error: unknown) => ({ ok: false, error }),
      );
    } catch (error) {
      return { ok: false, error };
    }
  }
}
