import type { SeededRandom } from '../../testkit/seeded-random.ts';
import type { ChaosEnvironment } from '../environment.ts';

/** Something that a fault can hit. */
export interface Target {
  readonly name: string;
  /** What it hurts: nothing is hurt twice at the same time. The nodes of a cluster count as one. */
  readonly hurts: string;
  inject(random: SeededRandom): Promise<Injury>;
}

export interface Injury {
  /** In words. */
  readonly what: string;
  /** Time until it is healed, milliseconds; 0 for what the services must mend themselves. */
  readonly lastsMs: number;
  heal: () => unknown;
}

export type Targets = (environment: ChaosEnvironment) => Target[];

/** Injects: says what it did, and how to heal it. */
type Begin = (random: SeededRandom) => Begun | Promise<Begun>;
export type Begun = [what: string, heal?: () => unknown];
type Duration = (random: SeededRandom) => number;

/** Short faults end before any timeout; middle ones outlast the ack timeout; long ones also heartbeats and leases. */
const short: Duration = (random) => random.integer(200, 2_000);
const middle: Duration = (random) => random.integer(2_000, 4_500);
export const long: Duration = (random) => random.integer(5_000, 10_000);
export const any: Duration = (random) => random.pick([short, middle, long])(random);
export const noTime: Duration = () => 0;

export const target = (name: string, begin: Begin, lasts = any, hurts = name): Target => ({
  name,
  hurts,
  inject: async (random) => {
    const lastsMs = lasts(random);
    const [what, heal = () => undefined] = await begin(random);
    return { what: lastsMs > 0 ? `${what} for ${lastsMs} ms` : what, lastsMs, heal };
  },
});
