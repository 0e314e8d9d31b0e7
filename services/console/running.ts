/** The actions under way. */
export class Running {
  readonly #all = new Set<Promise<unknown>>();
  #closed = false;

  get closed(): boolean {
    return this.#closed;
  }

  /** @returns the same promise */
  add<T>(promise: Promise<T>): Promise<T> {
    const settled = promise
      .then(
        () => undefined,
        () => undefined,
      )
      .finally(() => this.#all.delete(settled));
    this.#all.add(settled);
    return promise;
  }

  /** Takes no more. @returns when those under way have ended */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all(this.#all);
  }
}

/** Runs tasks one after the other: two that go through a queue at a time hide its messages from each other. */
export class OneAtATime {
  #last: Promise<unknown> = Promise.resolve();

  run<T>(task: () => Promise<T>): Promise<T> {
    const next = this.#last.then(task, task);
    this.#last = next.catch(() => undefined);
    return next;
  }
}
