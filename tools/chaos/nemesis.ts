import { setTimeout as delay } from 'node:timers/promises';
import type { SeededRandom } from '../testkit/seeded-random.ts';
import type { ChaosEnvironment } from './environment.ts';
import type { Target } from './faults/fault.ts';
import { FAULTS, type FaultName } from './faults/faults.ts';
import type { FaultEvent } from './history.ts';
import type { ChaosOptions } from './options.ts';

/** Mean time between two faults, milliseconds. */
const PAUSE_MS = 800;
/** Now and then everything is healed and nothing is done for a while: some guarantees hold only while nothing fails. */
const CALM = { chance: 0.05, ms: 7_000 };

type NemesisOptions = Pick<ChaosOptions<FaultName>, 'faults' | 'only' | 'atOnce'>;

/** Injects one fault after the other, chosen at random, and heals all of them in the end. */
export class Nemesis {
  /** What it did, in the order in which it began. */
  readonly events: FaultEvent[] = [];
  /** What could not be healed, in words: a process that did not end in order, or did not start again. */
  readonly failures: string[] = [];
  readonly #environment: ChaosEnvironment;
  readonly #options: NemesisOptions;
  readonly #random: SeededRandom;
  /** Injuries that are not healed yet, by what they hurt. */
  readonly #open = new Map<string, Promise<void>>();
  /** Faults are drawn without putting them back, so that each gets its turn. */
  #bag: FaultName[] = [];

  constructor(environment: ChaosEnvironment, options: NemesisOptions, random: SeededRandom) {
    this.#environment = environment;
    this.#options = options;
    this.#random = random;
  }

  /** Goes on until `end`, then waits until everything is healed. */
  async run(end: number): Promise<void> {
    while (this.#options.faults.length > 0 && Date.now() < end) {
      await this.#step(end);
      if (this.#open.size >= this.#options.atOnce) await Promise.race(this.#open.values());
    }
    await delay(Math.max(0, end - Date.now()));
    await Promise.all(this.#open.values());
  }

  async #step(end: number): Promise<void> {
    const random = this.#random;
    const calm = random.chance(CALM.chance);
    if (calm) await Promise.all(this.#open.values());
    await delay(Math.min(calm ? CALM.ms : random.wait(PAUSE_MS), Math.max(0, end - Date.now())));
    if (Date.now() >= end) return;
    const { faults, only } = this.#options;
    if (this.#bag.length === 0)
      this.#bag = random.shuffled(faults.flatMap((name) => Array<FaultName>(FAULTS[name][0]).fill(name)));
    const fault = this.#bag.pop() ?? random.pick(faults);
    const free = FAULTS[fault][1](this.#environment).filter(
      ({ name, hurts }) => name.includes(only) && !this.#open.has(hurts),
    );
    if (free.length > 0) await this.#inject(fault, random.pick(free));
  }

  async #inject(fault: FaultName, target: Target): Promise<void> {
    const event: FaultEvent = { began: Date.now(), fault, target: target.name, what: '' };
    this.events.push(event);
    const { what, lastsMs, heal } = await target.inject(this.#random);
    event.what = what;
    const healing = (async () => {
      await delay(lastsMs);
      await Promise.resolve(heal()).catch((error: unknown) => this.failures.push(String(error)));
      event.healed = Date.now();
      this.#open.delete(target.hurts);
    })();
    this.#open.set(target.hurts, healing);
  }
}
