/** Calls `send` for messages that are due at a rate, with the time at which each was due; at most 1 ms late. */
export function sendAtRate(ratePerS: number, send: (due: number) => void): NodeJS.Timeout {
  const schedule = new Schedule(ratePerS, performance.now());
  return setInterval(() => {
    for (const due of schedule.until(performance.now())) send(due);
  }, 1);
}

/** When the messages of an open loop are due: evenly spaced, regardless of earlier ones. */
export class Schedule {
  readonly #began: number;
  readonly #everyMs: number;
  #count = 0;

  constructor(ratePerS: number, began: number) {
    this.#began = began;
    this.#everyMs = 1_000 / ratePerS;
  }

  /** The moments up to `now` that were not taken before. */
  *until(now: number): Generator<number> {
    for (;;) {
      const due = this.#began + this.#count * this.#everyMs;
      if (due > now) return;
      this.#count++;
      yield due;
    }
  }
}
