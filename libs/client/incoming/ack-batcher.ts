import { packetText } from '../client-packets.ts';
import type { Context } from '../context.ts';
import { Alarm } from '../timing/clock.ts';
import { MAX_ENTRIES } from './limits.ts';

/** Least time between two offline:A of one page, milliseconds: entries are confirmed as they are handled. */
const GATHER_MS = 200;

/** Confirms entries of the mailbox to the server, many at a time. */
export class AckBatcher {
  readonly #context: Context;
  readonly #alarm: Alarm;
  #keys = new Set<string>();
  /** Sent since the last offline:R. */
  #since: string[] = [];
  /** Sent before it. */
  readonly #before = new Set<string>();

  constructor(context: Context) {
    this.#context = context;
    this.#alarm = new Alarm(context.clock, () => this.#pause());
  }

  /** Sent at the end of this turn if `soon`, else a little later; also later when others were sent a moment ago. */
  add(key: string, soon: boolean): void {
    this.#keys.add(key);
    if (this.#alarm.at !== undefined) return;
    if (soon) void Promise.resolve().then(() => this.#pause());
    else this.#alarm.in(GATHER_MS);
  }

  /** Sends all, now. */
  flush(): void {
    this.#alarm.clear();
    const keys = [...this.#keys];
    this.#keys.clear();
    this.#since.push(...keys);
    while (keys.length > 0) {
      this.#context.send(packetText({ type: 'offline:A', keys: keys.splice(0, MAX_ENTRIES) }));
    }
  }

  /** An offline:R is about to be sent. */
  asking(): void {
    this.flush();
    // Late answers are late by a page or two.
    if (this.#before.size > 2 * MAX_ENTRIES) this.#before.clear();
    for (const key of this.#since.splice(0)) this.#before.add(key);
  }

  /**
   * Whether a page with these keys answers an earlier offline:R: the answer to the last one cannot hold a key that was
   * confirmed before it. After a failure of the broker an answer may come twice.
   */
  outdated(keys: readonly string[]): boolean {
    return keys.some((key) => this.#before.has(key));
  }

  /** Some offline:A was refused: its entries come again. */
  refused(): void {
    this.#since = [];
    this.#before.clear();
  }

  offline(): void {
    this.#alarm.clear();
    this.#keys.clear();
    this.refused();
  }

  #pause(): void {
    if (this.#keys.size === 0) return;
    this.flush();
    this.#alarm.in(GATHER_MS);
  }
}
