import type { Target } from '../clients/log-in.ts';
import type { ATTACKS } from '../options.ts';

export type AttackName = (typeof ATTACKS)[number];

export interface AttackOrder {
  attack: AttackName;
  target: Target;
  /** Connections that idle, and that storm. */
  connections: number;
  /** Storms. */
  rounds: number;
  /** Clients that flood, and that write to slow readers. */
  attackers: number;
}

/** Adds to a counter. */
export type Count = (what: string, by?: number) => void;

/** Resolves when the attack is at full strength. */
export type Attack = (order: AttackOrder, count: Count) => Promise<void>;
