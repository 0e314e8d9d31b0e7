import { isThenable } from '../thenable.ts';

export type TaskResult = { readonly ok: true } | { readonly ok: false; readonly error: unknown };

interface Queue<T> {
  readonly waiting: T[];
  /** Its task has not ended. */
  busy: boolean;
}

/**
 * Runs a task per item: the items of one queue one after the other, different queues side by side. A task that returns
 * no promise ends in place, so that synchronous tasks run in the order of all items.
 */
export class SerialByKey<T> {
  readonly #run: (item: T) => unknown;
  readonly #done: (item: T, result: TaskResult) => void;
  readonly #waits: ((item: T) => void) | undefined;
  readonly #queues = new Map<string, Queue<T>>();
  #paused = true;

  /**
   * @param run the task; none is started before the first {@link resume}
   * @param done called after each task, before the next of the same queue starts
   * @param waits called when a task has not ended in place; its queue waits for it
   */
  constructor(
    run: (item: T) => unknown,
    done: (item: T, result: TaskResult) => void,
    waits?: (item: T) => void,
  ) {
    this.#run = run;
    this.#done = done;
    this.#waits = waits;
  }

  add(name: string, item: T): void {
    const queue = this.#queues.get(name) ?? { waiting: [], busy: false };
    this.#queues.set(name, queue);
    queue.waiting.push(item);
    this.#advance(name, queue);
  }

  /** Starts no further task. */
  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    for (const [name, queue] of this.#queues) this.#advance(name, queue);
  }

  /** Removes the items that wait behind the task that runs. @returns them */
  take(name: string): T[] {
    return this.#queues.get(name)?.waiting.splice(0) ?? [];
  }

  /** Starts no more tasks. @returns the items that waited */
  drop(): T[] {
    this.#paused = true;
    return [...this.#queues.values()].flatMap(({ waiting }) => waiting.splice(0));
  }

  #advance(name: string, queue: Queue<T>): void {
    while (!this.#paused && !queue.busy) {
      const item = queue.waiting.shift();
      if (item === undefined) {
        this.#queues.delete(name);
        return;
      }
      queue.busy = true;
      const result = this.#start(item);
      if (result instanceof Promise) {
        this.#waits?.(item);
        void result.then((ended) => this.#ended(name, queue, item, ended));
        return;
      }
      queue.busy = false;
      this.#done(item, result);
    }
  }

  #ended(name: string, queue: Queue<T>, item: T, result: TaskResult): void {
    queue.busy = false;
    this.#done(item, result);
    this.#advance(name, queue);
  }

  #start(item: T): TaskResult | Promise<TaskResult> {
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
