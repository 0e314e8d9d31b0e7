import { Alarm, type Clock } from './clock.ts';

/** Deadlines this close together are kept as one. */
const SLOT_MS = 50;

/**
 * What falls due when, with one timer for all. Items lie in slots of 50 ms, so that setting and deleting cost the
 * same whether ten or a hundred thousand are waiting; none is ever due early.
 */
export class Deadlines<T> {
  readonly #slots = new Map<number, Set<T>>();
  readonly #slotOf = new Map<T, number>();
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
    this.delete(item);
    const slot = Math.ceil(at / SLOT_MS);
    const items = this.#slots.get(slot);
    if (items) items.add(item);
    else this.#slots.set(slot, new Set([item]));
    this.#slotOf.set(item, slot);
    this.#alarm.notLaterThan(slot * SLOT_MS);
  }

  has(item: T): boolean {
    return this.#slotOf.has(item);
  }

  delete(item: T): void {
    const slot = this.#slotOf.get(item);
    if (slot === undefined) return;
    this.#slotOf.delete(item);
    const items = this.#slots.get(slot);
    items?.delete(item);
    if (items?.size === 0) this.#slots.delete(slot);
    if (this.#slots.size === 0) this.#alarm.clear();
  }

  clear(): void {
    this.#slots.clear();
    this.#slotOf.clear();
    this.#alarm.clear();
  }

  #ring(): void {
    const now = this.#clock.now();
    const due: number[] = [];
    for (const slot of this.#slots.keys()) if (slot * SLOT_MS <= now + 1) due.push(slot);
    for (const slot of due.sort((a, b) => a - b)) {
      for (const item of this.#slots.get(slot) ?? []) {
        this.delete(item);
        this.#onDue(item);
      }
    }
    let next = Infinity;
    for (const slot of this.#slots.keys()) next = Math.min(next, slot);
    if (next !== Infinity) this.#alarm.notLaterThan(next * SLOT_MS);
  }
}
