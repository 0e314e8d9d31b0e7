import type { Context } from '../context.ts';
import { RecentMap } from '../recent-map.ts';

/** Factor from one pause to the next: a handler that failed twice mostly fails for long. */
const FACTOR = 4;

/** A pause is shorter by up to this part of it, so that items that failed together are not tried together. */
const JITTER = 0.25;

/** The items that the handler failed on: how often, and when it may be tried again. A forgotten one may be tried sooner. */
export class Failures {
  readonly #context: Context;
  readonly #known = new RecentMap<{ tries: number; retryAt: number }>();

  constructor(context: Context) {
    this.#context = context;
  }

  /** @returns how often the handler has failed on it */
  tries(name: string): number {
    return this.#known.get(name)?.tries ?? 0;
  }

  /** @returns when it may be tried, on the clock's `now()` */
  retryAt(name: string): number {
    return this.#known.get(name)?.retryAt ?? 0;
  }

  due(name: string): boolean {
    return this.retryAt(name) <= this.#context.clock.now();
  }

  failed(name: string): void {
    const { clock, random, tuning } = this.#context;
    const { baseMs, maxMs } = tuning.retryFailed;
    const tries = this.tries(name);
    const pause = Math.min(maxMs, baseMs * FACTOR ** tries) * (1 - JITTER + JITTER * random());
    this.#known.set(name, { tries: tries + 1, retryAt: clock.now() + pause });
  }

  forget(name: string): void {
    this.#known.delete(name);
  }

  /** There is a new handler: everything may be tried at once. */
  allDue(): void {
    for (const failure of this.#known.values()) failure.retryAt = 0;
  }
}
