import type { SeededRandom } from '../../testkit/seeded-random.ts';
import type { Environment } from '../environment.ts';

/** Something that may go wrong, before anybody decided that it does. */
export interface Fault {
  /** How often it is chosen, compared with others. */
  readonly weight: number;
  /** Whom it may hit. */
  targets(environment: Environment): Target[];
}

/** Somebody whom a fault may hit. */
export interface Target {
  readonly name: string;
  /** Whom it hurts: nobody is hurt twice at the same time. The nodes of a cluster count as one. */
  readonly hurts: string;
  /** Hurts; says what it did and how it is healed. */
  strike(random: SeededRandom): Promise<Wound> | Wound;
}

export interface Wound {
  /** In words. */
  readonly what: string;
  /** How long it lasts before it is healed, milliseconds. */
  readonly lastsMs: number;
  heal(): Promise<void> | void;
}

/** For what needs no healing by the nemesis: the services themselves must mend it. */
export const nothing = (): void => undefined;

/** Short ones are over before anybody is given up; some outlast the ack timeout, long ones heartbeats and leases, too. */
const short = (random: SeededRandom) => random.integer(200, 2_000);
const middle = (random: SeededRandom) => random.integer(2_000, 4_500);
export const long = (random: SeededRandom) => random.integer(5_000, 10_000);
export const any = (random: SeededRandom) => random.pick([short, middle, long])(random);
