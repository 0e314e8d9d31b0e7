import { Alarm, type Clock } from './clock.ts';

/** Deadlines this close together are met together. */
const STEP_MS = 50;

/**
 * What falls due when, with one timer for all. It rings at multiples of 50 ms only and looks at every item then, so that
 * setting and deleting cost nothing, whether ten or a hundred thousand wait; none is ever due early.
 */
export class Deadlines<T> {
  readonly #dueAt = new Map<T, number>();
  readonly #clock: Clock;
  readonly #onDue: (item: T) => void;
  readonly #alarm: Alarm;

  constructor(clock: Clock, onDue: (item: T) => void) {
    this.#clock = clock;
    this.#onDue = onDue;
    this.#alarm = new Alarm(clock, () => this.#ring());
  }

  /** @param at on the clock's `now()`; replaces an earlier deadline of the same item */
  set(item: T, at: number): void {
    this.#dueAt.set(item, at);
    this.#ringFor(at);
  }

  has(item: T): boolean {
    return this.#dueAt.has(item);
  }

  delete(item: T): void {
    this.#dueAt.delete(item);
    if (this.#dueAt.size === 0) this.#alarm.clear();
  }

  clear(): void {
    this.#dueAt.clear();
    this.#alarm.clear();
  }

  #ringFor(at: number): void {
    this.#alarm.notLaterThan(Math.ceil(at / STEP_MS) * STEP_MS);
  }

  #ring(): void {
    const soon = this.#clock.now() + 1; // an alarm may ring a fraction early
    const due: [T, number][] = [];
    let next = Infinity;
    for (const [item, at] of this.#dueAt) {
      if (at < soon) due.push([item, at]);
      else next = Math.min(next, at);
    }
    if (next < Infinity) this.#ringFor(next);
    for (const [item, at] of due.sort(([, a], [, b]) => a - b)) {
      if (this.#dueAt.get(item) !== at) continue; // the end of another one changed it
      this.delete(item);
      this.#onDue(item);
    }
  }
}
