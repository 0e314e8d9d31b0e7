import { setTimeout as delay } from 'node:timers/promises';
import type { SeededRandom } from '../testkit/seeded-random.ts';
import type { Fault, Target } from './faults/fault.ts';
import { FAULTS, type FaultName } from './faults/faults.ts';
import type { FaultEvent } from './history.ts';
import type { ChaosOptions } from './options.ts';
import type { Environment } from './environment.ts';

/** Mean time between two faults, milliseconds. */
const PAUSE = 800;
/** Now and then everything is healed, and nothing is done for a while, so that it shows what works when nothing fails. */
const CALM = { chance: 0.05, ms: 7_000 };

/** Injects one fault after the other, as the random decide, and heals all of them in the end. */
export class Nemesis {
  /** What it did, in the order in which it began. */
  readonly events: FaultEvent[] = [];
  readonly #environment: Environment;
  readonly #options: Pick<ChaosOptions, 'faults' | 'only' | 'atOnce'>;
  readonly #random: SeededRandom;
  /** What is to be healed, by whom it hurts. */
  readonly #wounds = new Map<string, Promise<void>>();
  /** Faults drawn without putting them back, so that each gets its turn. */
  #bag: FaultName[] = [];

  constructor(
    environment: Environment,
    options: Pick<ChaosOptions, 'faults' | 'only' | 'atOnce'>,
    random: SeededRandom,
  ) {
    this.#environment = environment;
    this.#options = options;
    this.#random = random;
  }

  /** What is wrong at the moment, in words. */
  get wounds(): string[] {
    return this.events
      .filter(({ healed }) => healed === undefined)
      .map(({ fault, target }) => `${fault} ${target}`);
  }

  /** What could not be healed, in words: a process that did not end in order, or did not start again. */
  readonly failures: string[] = [];

  /** Goes on until `until`, then waits until everything is healed. */
  async run(until: number): Promise<void> {
    while (this.#options.faults.length > 0 && Date.now() < until) {
      await this.#step(until);
      if (this.#wounds.size >= this.#options.atOnce) await Promise.race(this.#wounds.values());
    }
    await delay(Math.max(0, until - Date.now()));
    await Promise.all(this.#wounds.values());
  }

  async #step(until: number): Promise<void> {
    const random = this.#random;
    const calm = random.chance(CALM.chance);
    if (calm) await Promise.all(this.#wounds.values());
    await delay(Math.min(calm ? CALM.ms : random.wait(PAUSE), Math.max(0, until - Date.now())));
    if (Date.now() >= until) return;
    const fault = this.#draw();
    if (fault === undefined) return;
    const definition: Fault = FAULTS[fault];
    const free = definition
      .targets(this.#environment)
      .filter(({ name, hurts }) => name.includes(this.#options.only) && !this.#wounds.has(hurts));
    if (free.length === 0) return;
    await this.#strike(fault, random.pick(free));
  }

  async #strike(fault: FaultName, target: Target): Promise<void> {
    const event: FaultEvent = { struck: Date.now(), fault, target: target.name, what: '' };
    this.events.push(event);
    const wound = await target.strike(this.#random);
    event.what = wound.what;
    const healing = (async () => {
      await delay(wound.lastsMs);
      await Promise.resolve(wound.heal()).catch((error: unknown) => this.failures.push(String(error)));
      event.healed = Date.now();
      this.#wounds.delete(target.hurts);
    })();
    this.#wounds.set(target.hurts, healing);
  }

  #draw(): FaultName | undefined {
    if (this.#bag.length === 0)
      this.#bag = this.#random.shuffled(
        this.#options.faults.flatMap((name) => Array.from({ length: FAULTS[name].weight }, () => name)),
      );
    return this.#bag.pop();
  }
}
