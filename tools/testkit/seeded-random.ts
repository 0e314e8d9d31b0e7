import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64';
import { uniformInt } from 'pure-rand/distribution/uniformInt';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';

/** Random numbers that a seed decides: the same seed, the same numbers. */
export class SeededRandom {
  readonly #source: ReturnType<typeof xoroshiro128plus>;

  constructor(seed: number) {
    this.#source = xoroshiro128plus(seed);
  }

  /** An integer from `min` to `max`, both included. */
  integer(min: number, max: number): number {
    return uniformInt(this.#source, min, max);
  }

  /** Whether something happens that does so with `probability`. */
  chance(probability: number): boolean {
    return uniformFloat64(this.#source) < probability;
  }

  /** The time until the next of many independent events, when one comes every `mean` (exponential distribution). */
  wait(mean: number): number {
    return -Math.log(1 - uniformFloat64(this.#source)) * mean;
  }

  /** One of several. @throws RangeError when there is none */
  pick<T>(from: readonly T[]): T {
    if (from.length === 0) throw new RangeError('nothing to pick from');
    return from[this.integer(0, from.length - 1)] as T;
  }

  /** All of them, in another order. */
  shuffled<T>(items: readonly T[]): T[] {
    const rest = [...items];
    return items.map(() => rest.splice(this.integer(0, rest.length - 1), 1)[0] as T);
  }
}
