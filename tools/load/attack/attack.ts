import type { Target } from '../clients/log-in.ts';
import type { ATTACKS, Values } from '../options.ts';

export type AttackName = (typeof ATTACKS)[number];

export interface AttackOrder extends Pick<Values, 'connections' | 'rounds' | 'attackers'> {
  attack: AttackName;
  target: Target;
}

/** Adds to a counter. */
export type Count = (what: string, by?: number) => void;

/** Resolves when the attack is at full strength. */
export type Attack = (order: AttackOrder, count: Count) => Promise<void>;
