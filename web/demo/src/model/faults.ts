import type { Direction, Fate } from './wire.ts';

/** Packets that can be dropped, with the direction in which they pass. */
export const DROPPABLE = { 'msg:N': 'in', 'ack:R': 'out', 'ack:N': 'in' } as const;

export type Droppable = keyof typeof DROPPABLE;

/** What is wrong with one person's network. */
export interface Faults {
  /** No socket is open, and none opens. */
  readonly offline: boolean;
  /** Each packet comes as much later, milliseconds, in both directions. */
  readonly delayMs: number;
  /** The next packet of these types is lost. */
  readonly drop: readonly Droppable[];
}

export const NO_FAULTS: Faults = { offline: false, delayMs: 0, drop: [] };

/** What happens to a packet, and the faults that are left afterwards: each drop is for one packet. */
export function decide(faults: Faults, direction: Direction, type: string): { fate: Fate; faults: Faults } {
  const hit = faults.drop.find((each) => each === type && DROPPABLE[each] === direction);
  if (hit === undefined) return { fate: 'passed', faults };
  return { fate: 'dropped', faults: { ...faults, drop: faults.drop.filter((each) => each !== hit) } };
}

/** Switches the drop of a packet on or off. */
export const toggleDrop = (faults: Faults, type: Droppable): Faults => ({
  ...faults,
  drop: faults.drop.includes(type) ? faults.drop.filter((each) => each !== type) : [...faults.drop, type],
});
