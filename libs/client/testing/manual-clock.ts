import type { Clock } from '../timing/clock.ts';

interface Timer {
  readonly at: number;
  readonly run: () => void;
}

/** Lets everything that waits for promises, and for nothing else, come to rest. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/** A clock that stands still until it is told to go on. */
export class ManualClock implements Clock {
  /** Error of the wall clock, milliseconds. */
  wallOff = 0;
  #now = 0;
  #next = 0;
  readonly #timers = new Map<number, Timer>();

  /** Timers that are set: 0 once everything is closed. */
  get pending(): number {
    return this.#timers.size;
  }

  now(): number {
    return this.#now;
  }

  date(): number {
    return 1_800_000_000_000 + this.#now + this.wallOff;
  }

  setTimeout(run: () => void, ms: number): number {
    const id = ++this.#next;
    this.#timers.set(id, { at: this.#now + ms, run });
    return id;
  }

  clearTimeout(timer: unknown): void {
    this.#timers.delete(timer as number);
  }

  /** The computer sleeps, on a platform whose `now()` goes on meanwhile: no timer runs before it wakes. */
  async sleep(ms: number): Promise<void> {
    this.#now += ms;
    await this.advance(0);
  }

  /** Goes on by `ms`, running each timer at its time, and what follows from it, before the next. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    await settle();
    for (;;) {
      const [next] = [...this.#timers].filter(([, { at }]) => at <= end).sort((a, b) => a[1].at - b[1].at);
      if (!next) break;
      const [id, timer] = next;
      this.#timers.delete(id);
      this.#now = Math.max(this.#now, timer.at);
      timer.run();
      await settle();
    }
    this.#now = end;
  }
}
