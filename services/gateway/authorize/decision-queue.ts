/**
 * Keeps the messages of one session in order while a list waits for decisions about its receivers. The decision about
 * one of them may be known, and a later message to this one must not overtake the list (PROTOCOL: G4).
 */
export class DecisionQueue {
  #waiting: (() => void)[] | undefined;

  /** A list is undecided. */
  get held(): boolean {
    return this.#waiting !== undefined;
  }

  /** Runs now, or when the lists before it are decided. */
  run(task: () => void): void {
    if (this.#waiting) this.#waiting.push(task);
    else task();
  }

  /** From now on tasks wait. @returns lets them go on, in order */
  hold(): () => void {
    const waiting: (() => void)[] = [];
    this.#waiting = waiting;
    return () => {
      this.#waiting = undefined;
      for (const task of waiting) this.run(task); // one that holds makes those behind it wait again
    };
  }
}
