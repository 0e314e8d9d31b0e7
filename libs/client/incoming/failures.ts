import type { BackoffOptions } from '../timing/backoff.ts';
import type { Clock } from '../timing/clock.ts';

/** Most names remembered; beyond it the oldest is forgotten, and may be tried sooner. */
const MAX_NAMES = 10_000;

/** Factor from one pause to the next: what failed twice will mostly fail for long. */
const FACTOR = 4;

/** A pause is shorter by up to this part of it, so that what failed together is not tried together. */
const JITTER = 0.25;

/** What the application's handler failed on: how often, and when it may be tried again. */
export class Failures {
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #backoff: BackoffOptions;
  readonly #known = new Map<string, { tries: number; retryAt: number }>();

  constructor(clock: Clock, random: () => number, backoff: BackoffOptions) {
    this.#clock = clock;
    this.#random = random;
    this.#backoff = backoff;
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
    return this.retryAt(name) <= this.#clock.now();
  }

  failed(name: string): void {
    const tries = this.tries(name) + 1;
    const { baseMs, maxMs } = this.#backoff;
    const pause = Math.min(maxMs, baseMs * FACTOR ** (tries - 1)) * (1 - JITTER + JITTER * this.#random());
    this.#known.delete(name);
    this.#known.set(name, { tries, retryAt: this.#clock.now() + pause });
    if (this.#known.size <= MAX_NAMES) return;
    for (const oldest of this.#known.keys()) {
      this.#known.delete(oldest);
      return;
    }
  }

  forget(name: string): void {
    this.#known.delete(name);
  }

  /** There is a new handler: everything may be tried at once. */
  allDue(): void {
    for (const failure of this.#known.values()) failure.retryAt = 0;
  }
}
