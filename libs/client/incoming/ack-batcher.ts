import { Alarm, type Clock } from '../timing/clock.ts';
import { MAX_ENTRIES } from './limits.ts';

/** Least time between two offline:A of one page, milliseconds: its entries are confirmed as they get through. */
const GATHER_MS = 200;

/** Keys of the mailbox that are confirmed to the server. */
export class AckBatcher {
  readonly #send: (keys: string[]) => void;
  readonly #alarm: Alarm;
  #keys = new Set<string>();
  /** Sent since the last offline:R. */
  #since: string[] = [];
  /** Sent before it. */
  #before = new Set<string>();

  constructor(clock: Clock, send: (keys: string[]) => void) {
    this.#send = send;
    this.#alarm = new Alarm(clock, () => this.#pause());
  }

  /**
   * Sent at the end of this turn, or a little later when others were sent a moment ago, or when there is no hurry.
   */
  add(key: string, hurry: boolean): void {
    this.#keys.add(key);
    if (this.#alarm.at !== undefined) return;
    if (hurry) void Promise.resolve().then(() => this.#pause());
    else this.#alarm.in(GATHER_MS);
  }

  /** Sends all, now. */
  flush(): void {
    this.#alarm.clear();
    const keys = [...this.#keys];
    this.#keys = new Set();
    for (let start = 0; start < keys.length; start += MAX_ENTRIES) {
      this.#send(keys.slice(start, start + MAX_ENTRIES));
    }
    this.#since.push(...keys);
  }

  /** An offline:R is about to go out. */
  asking(): void {
    this.flush();
    // PendingAcks that are late are late by a page or two.
    if (this.#before.size > 2 * MAX_ENTRIES) this.#before = new Set();
    for (const key of this.#since) this.#before.add(key);
    this.#since = [];
  }

  /**
   * Whether a page with these keys answers an earlier question: the answer to the last one cannot hold a key that was
   * confirmed before it was asked. After a failure of the broker an answer may come twice.
   */
  outdated(keys: readonly string[]): boolean {
    return keys.some((key) => this.#before.has(key));
  }

  /** Some offline:A was refused: what it named comes again. */
  refused(): void {
    this.#since = [];
    this.#before = new Set();
  }

  offline(): void {
    this.#alarm.clear();
    this.#keys = new Set();
    this.refused();
  }

  #pause(): void {
    if (this.#keys.size === 0) return;
    this.flush();
    this.#alarm.in(GATHER_MS);
  }
}
