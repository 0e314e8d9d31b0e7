import type { Context } from '../context.ts';
import { Deadlines } from '../timing/deadlines.ts';
import type { Failures } from './failures.ts';
import type { InboxEntry } from './inbox-entry.ts';

/** The messages that are not left to the server: how many, and when each is tried again. */
export class RetryQueue {
  readonly #failures: Failures;
  readonly #deadlines: Deadlines<InboxEntry>;
  readonly #retry: (entry: InboxEntry) => void;
  readonly #max: number;
  #count = 0;

  constructor({ clock, tuning }: Context, failures: Failures, retry: (entry: InboxEntry) => void) {
    this.#failures = failures;
    this.#max = tuning.maxPutAside;
    this.#retry = retry;
    this.#deadlines = new Deadlines(clock, (entry) => this.retryNow(entry));
  }

  get count(): number {
    return this.#count;
  }

  get full(): boolean {
    return this.#count >= this.#max;
  }

  add(entry: InboxEntry): void {
    if (!entry.local) this.#count++;
    entry.local = true;
  }

  remove(entry: InboxEntry): void {
    if (entry.local) this.#count--;
  }

  /** Waits until the handler may be tried again. */
  delay(entry: InboxEntry): void {
    entry.delayed = true;
    this.#deadlines.set(entry, this.#failures.retryAt(entry.name));
  }

  retryNow(entry: InboxEntry): void {
    this.#deadlines.delete(entry);
    entry.delayed = false;
    this.#retry(entry);
  }

  stop(): void {
    this.#deadlines.clear();
  }
}
