import type { Clock } from '../timing/clock.ts';
import { Deadlines } from '../timing/deadlines.ts';
import type { Failures } from './failures.ts';
import { type InboxEntry, nameOf } from './inbox-entry.ts';

/** Messages that are not left to the server: how many, and when each is tried again. */
export class RetryQueue {
  readonly #failures: Failures;
  readonly #retries: Deadlines<InboxEntry>;
  readonly #retry: (entry: InboxEntry) => void;
  readonly #most: number;
  #count = 0;

  constructor(clock: Clock, failures: Failures, most: number, retry: (entry: InboxEntry) => void) {
    this.#failures = failures;
    this.#most = most;
    this.#retry = retry;
    this.#retries = new Deadlines(clock, (entry) => this.retryNow(entry));
  }

  get count(): number {
    return this.#count;
  }

  get full(): boolean {
    return this.#count >= this.#most;
  }

  add(entry: InboxEntry): void {
    if (!entry.local) this.#count++;
    entry.local = true;
  }

  remove(entry: InboxEntry): void {
    if (entry.local) this.#count--;
  }

  /** Waits until it may be tried again. */
  delay(entry: InboxEntry): void {
    entry.delayed = true;
    this.#retries.set(entry, this.#failures.retryAt(nameOf(entry.message)));
  }

  /** Tries it now. */
  retryNow(entry: InboxEntry): void {
    this.#retries.delete(entry);
    entry.delayed = false;
    this.#retry(entry);
  }

  stop(): void {
    this.#retries.clear();
  }
}
