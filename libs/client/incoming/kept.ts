import type { Clock } from '../timing/clock.ts';
import { Deadlines } from '../timing/deadlines.ts';
import type { Failures } from './failures.ts';
import { type Held, nameOf } from './held.ts';

/** Messages that are not left to the server: how many, and when each is tried again. */
export class Kept {
  readonly #failures: Failures;
  readonly #retries: Deadlines<Held>;
  readonly #retry: (held: Held) => void;
  readonly #most: number;
  #count = 0;

  constructor(clock: Clock, failures: Failures, most: number, retry: (held: Held) => void) {
    this.#failures = failures;
    this.#most = most;
    this.#retry = retry;
    this.#retries = new Deadlines(clock, (held) => this.wake(held));
  }

  get count(): number {
    return this.#count;
  }

  get full(): boolean {
    return this.#count >= this.#most;
  }

  add(held: Held): void {
    if (!held.kept) this.#count++;
    held.kept = true;
  }

  remove(held: Held): void {
    if (held.kept) this.#count--;
  }

  /** Waits until it may be tried again. */
  rest(held: Held): void {
    held.resting = true;
    this.#retries.set(held, this.#failures.retryAt(nameOf(held.message)));
  }

  /** Tries it now. */
  wake(held: Held): void {
    this.#retries.delete(held);
    held.resting = false;
    this.#retry(held);
  }

  stop(): void {
    this.#retries.clear();
  }
}
