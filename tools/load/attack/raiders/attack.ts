import type { Target } from '../client.ts';
import type { AttackName } from '../options.ts';

/** A process full of attackers, started with its {@link Orders} as the only argument; ended by a kill. */
export interface Orders {
  attack: AttackName;
  target: Target;
  connections: number;
  rounds: number;
  raiders: number;
}

/** What the process tells its parent, now and then. */
export interface Report {
  counts: Record<string, number>;
  /** The attack is at full strength; of a storm: over. */
  strong: boolean;
}

/** What an attack is given: its orders, and a tally. */
export type Attack = (orders: Orders, count: (what: string, by?: number) => void) => Promise<void>;
