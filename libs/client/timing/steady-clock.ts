import { type Clock, systemClock } from './clock.ts';

/** A timer that fires this much too late, or a wall clock that moves this much beside ours, says: we slept. */
const LEAP_MS = 5_000;

/** The wall clock and the server's are taken for right when they differ by less. */
const AGREE_MS = 24 * 60 * 60 * 1000;

interface Timer {
  /** When it must fire, on `now()`. */
  readonly due: number;
  /** The time of the clock below when it was set. */
  readonly setAt: number;
  readonly run: () => void;
  handle: unknown;
}

export interface ClockEvents {
  /** Much time has passed that no timer saw (a laptop that slept), or the wall clock was set. */
  leapt(): void;
  /** The clock below threw. Called once. */
  failed(cause: unknown): void;
}

/**
 * The clock of the whole client, on top of the platform's or the application's. It corrects that clock:
 *
 * - `now()` never goes back and is always a number. It moves when a timer fires, also while the clock below stands still.
 *   Sleep does not count, on any platform: when the process wakes, the timer that was due first fires, and the others
 *   have as long to go as before. So timeouts do not all fire at once.
 * - Each timer fires once, and not after it was cleared.
 * - `date()` is the time that is written to the storage: the later of the wall clock and the server's, so that nothing
 *   looks older than it is. The server's clock decides what is old (see {@link SteadyClock.dates}).
 */
export class SteadyClock implements Clock {
  readonly #below: Clock;
  readonly #timers = new Set<Timer>();
  #events: ClockEvents | undefined;
  #raw = 0;
  #now = 0;
  /** The wall clock minus `now()`, when a timer last fired. */
  #wallOffset: number;
  /** The server's clock minus `now()`, as the last login:A told it. */
  #serverOffset: number | undefined;
  #leapt = false;
  #failure: { cause: unknown } | undefined;

  constructor(below: Clock) {
    this.#below = below;
    this.#raw = this.#read('now');
    this.#wallOffset = this.#read('date');
  }

  watch(events: ClockEvents): void {
    this.#events = events;
    const { cause } = this.#failure ?? {};
    if (this.#failure) void Promise.resolve().then(() => events.failed(cause)); // once listeners can be there
  }

  now(): number {
    const raw = this.#read('now');
    const passed = raw - this.#raw;
    this.#raw = raw;
    if (passed > 0) this.#pass(passed);
    return this.#now;
  }

  date(): number {
    return this.dates().latest;
  }

  /** Takes the time of login:A. */
  serverTime(at: number): void {
    this.#serverOffset = at - this.now();
  }

  /**
   * The date, milliseconds since the epoch: `latest` by the wall clock or the server's, whichever is ahead;
   * `server` by the server's, once login:A told it. `agree`: they say the same.
   */
  dates(): { latest: number; server: number | undefined; agree: boolean } {
    const wall = this.#read('date');
    const server = this.#serverOffset === undefined ? undefined : this.#serverOffset + this.now();
    const agree = server !== undefined && Math.abs(wall - server) < AGREE_MS;
    return { latest: Math.max(wall, server ?? wall), server, agree };
  }

  setTimeout(run: () => void, ms: number): unknown {
    const timer: Timer = { due: this.now() + ms, setAt: this.#raw, run, handle: undefined };
    this.#timers.add(timer);
    const fire = () => this.#fire(timer);
    timer.handle = this.#attempt(
      () => this.#below.setTimeout(fire, ms),
      () => systemClock.setTimeout(fire, ms),
    );
    return timer;
  }

  clearTimeout(token: unknown): void {
    const timer = token as Timer;
    if (!this.#timers.delete(timer)) return;
    this.#attempt(
      () => this.#below.clearTimeout(timer.handle),
      () => systemClock.clearTimeout(timer.handle),
    );
  }

  #fire(timer: Timer): void {
    if (!this.#timers.has(timer)) return;
    this.now();
    // The clock below stands still or was set back, but a timer fired: at least its time has passed.
    if (this.#raw <= timer.setAt) this.#now = Math.max(this.#now, timer.due);
    this.#compareWall();
    if (this.#leapt) {
      this.#leapt = false;
      this.#events?.leapt(); // before the timer: it may be one that this makes pointless
    }
    if (this.#timers.delete(timer)) timer.run();
  }

  #pass(ms: number): void {
    if (ms > LEAP_MS) {
      let first = Infinity;
      for (const { due } of this.#timers) first = Math.min(first, due);
      if (this.#now + ms > first + LEAP_MS) {
        this.#leapt = true;
        this.#now = Math.max(this.#now, first);
        return;
      }
    }
    this.#now += ms;
  }

  /** Where `now()` stands still in sleep, only the wall clock tells. */
  #compareWall(): void {
    const offset = this.#read('date') - this.#now;
    if (Math.abs(offset - this.#wallOffset) > LEAP_MS) this.#leapt = true;
    this.#wallOffset = offset;
  }

  /** A clock that says no number is read as the last one, or the platform's. */
  #read(what: 'now' | 'date'): number {
    const value = this.#attempt(
      () => this.#below[what](),
      () => NaN,
    );
    if (Number.isFinite(value)) return value;
    return what === 'date' ? systemClock.date() : this.#raw;
  }

  #attempt<T>(run: () => T, instead: () => T): T {
    try {
      return run();
    } catch (cause) {
      if (!this.#failure) {
        this.#failure = { cause };
        this.#events?.failed(cause);
      }
      return instead();
    }
  }
}
