/** Time, as the client sees it. Tests pass one they turn by hand. */
export interface Clock {
  /** Milliseconds on a clock that is never set back; only differences mean something. */
  now(): number;
  /** Milliseconds since the Unix epoch. */
  date(): number;
  /** Calls `run` once, after `ms` milliseconds. @returns the timer, for clearTimeout */
  setTimeout(run: () => void, ms: number): unknown;
  /** Stops a timer; one that has run already is no error. */
  clearTimeout(timer: unknown): void;
}

/** The clock of the platform. */
export const systemClock: Clock = {
  now: () => performance.now(),
  date: () => Date.now(),
  setTimeout: (run, ms) => setTimeout(run, ms),
  clearTimeout: (timer) => {
    clearTimeout(timer as Parameters<typeof clearTimeout>[0]);
  },
};

/** Longer timeouts overflow in every JavaScript runtime and fire at once. */
const LONGEST_TIMEOUT_MS = 2 ** 31 - 1;

/** One timer that can be moved: rings once at the time it was last set to. */
export class Alarm {
  readonly #clock: Clock;
  readonly #ring: () => void;
  #timer: unknown;
  #at: number | undefined;

  constructor(clock: Clock, ring: () => void) {
    this.#clock = clock;
    this.#ring = ring;
  }

  /** When it rings, on the clock's `now()`; undefined when it is not set. */
  get at(): number | undefined {
    return this.#at;
  }

  set(at: number): void {
    this.clear();
    this.#at = at;
    this.#arm();
  }

  in(ms: number): void {
    this.set(this.#clock.now() + ms);
  }

  /** Rings at `at`, or earlier where it was set to earlier already. */
  notLaterThan(at: number): void {
    if (this.#at === undefined || at < this.#at) this.set(at);
  }

  clear(): void {
    if (this.#at === undefined) return;
    this.#clock.clearTimeout(this.#timer);
    this.#at = undefined;
  }

  #arm(): void {
    const wait = Math.max(0, (this.#at ?? 0) - this.#clock.now());
    this.#timer = this.#clock.setTimeout(() => this.#elapsed(), Math.min(wait, LONGEST_TIMEOUT_MS));
  }

  #elapsed(): void {
    // Timers may fire a fraction early, and a long wait comes in parts.
    if (this.#at !== undefined && this.#at - this.#clock.now() >= 1) {
      this.#arm();
      return;
    }
    this.#at = undefined;
    this.#ring();
  }
}
