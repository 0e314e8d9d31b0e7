import { Backoff, retransmitDelay, type BackoffOptions } from '../timing/backoff.ts';
import { Alarm, type Clock } from '../timing/clock.ts';
import { Deadlines } from '../timing/deadlines.ts';
import { Heap } from './heap.ts';
import { RateLimit } from './rate.ts';

/** What the sender keeps of an outbox entry. Only the sender changes these fields. */
export interface Sendable {
  /** Position in the outbox. */
  readonly n: number;
  /** Tries on this connection. */
  tries: number;
  /** It waits to be sent. */
  queued: boolean;
  /** A msg:R of it has no answer on this connection. */
  awaiting: boolean;
  /** Its last try was refused; nothing newer is sent before it is accepted. */
  refused: boolean;
}

export interface SenderOptions<E> {
  readonly clock: Clock;
  readonly random: () => number;
  readonly retransmit: BackoffOptions;
  readonly refused: BackoffOptions;
  /** Puts the msg:R on the wire. @returns false when it cannot be sent at all (and is out of the outbox now) */
  readonly transmit: (entry: E) => boolean;
}

const byPosition = ({ n }: Sendable) => n;

/**
 * Decides which outbox entry goes on the wire when (PROTOCOL: what a client must do, 2): in the original order, only
 * while a session is there, within its window and rate; again when the connection came back, when the server refused
 * it for now, and when no ack:N came in time.
 */
export class Sender<E extends Sendable> {
  readonly #options: SenderOptions<E>;
  readonly #clock: Clock;
  /** What waits to be sent. Entries that no longer do (`queued` is false) are skipped when they come up. */
  readonly #queue = new Heap<E>(byPosition);
  /** Refused entries; the oldest is the barrier. Those accepted since are skipped. */
  readonly #barriers = new Heap<E>(byPosition);
  readonly #overdue: Deadlines<E>;
  readonly #refusals: Backoff;
  /** Rings when the rate limit or the pause after a refusal lets the next packet through. */
  readonly #resume: Alarm;
  #rate: RateLimit | undefined;
  #window = 0;
  #awaiting = 0;
  #pausedUntil = 0;

  constructor(options: SenderOptions<E>) {
    this.#options = options;
    this.#clock = options.clock;
    this.#overdue = new Deadlines(options.clock, (entry) => this.enqueue(entry));
    this.#refusals = new Backoff(options.refused, options.random);
    this.#resume = new Alarm(options.clock, () => this.#pump());
  }

  /** A session is there: everything in the outbox is sent again, in order. */
  online(limits: { sendWindow: number; ratePerS: number }, entries: Iterable<E>): void {
    this.offline();
    this.#window = Math.max(1, limits.sendWindow);
    this.#rate = new RateLimit(limits.ratePerS, this.#clock.now());
    for (const entry of entries) {
      entry.tries = 0;
      entry.awaiting = false;
      entry.queued = true;
      this.#queue.push(entry);
    }
    this.#pump();
  }

  /** No session, or one that is about to end: nothing is sent. */
  offline(): void {
    this.#rate = undefined;
    this.#awaiting = 0;
    this.#pausedUntil = 0;
    this.#queue.clear();
    this.#overdue.clear();
    this.#resume.clear();
  }

  enqueue(entry: E): void {
    if (!this.#rate) return; // the next online() brings it
    if (!entry.queued) {
      entry.queued = true;
      this.#queue.push(entry);
    }
    this.#pump();
  }

  /** msg:A came for it. */
  accepted(entry: E): void {
    this.#answered(entry);
    if (entry.refused) {
      entry.refused = false;
      entry.queued = false;
      this.#refusals.reset();
      this.#pausedUntil = 0;
    }
    if (this.#rate && !entry.queued && !this.#overdue.has(entry)) this.#expectReceipt(entry);
    this.#pump();
  }

  /** The server refused it for now: sent again after a pause, and nothing newer before it is accepted. */
  refused(entry: E): void {
    this.#answered(entry);
    this.#overdue.delete(entry);
    // Of a whole window that is refused at once the first makes the pause, and it alone a longer one next time.
    if (entry.refused || this.#barrier() === Infinity) {
      this.#pausedUntil = this.#clock.now() + this.#refusals.next();
    }
    if (!entry.refused) {
      entry.refused = true;
      this.#barriers.push(entry);
    }
    this.enqueue(entry);
  }

  /** It is out of the outbox. */
  remove(entry: E): void {
    this.#answered(entry);
    entry.queued = false;
    entry.refused = false;
    this.#overdue.delete(entry);
    this.#pump();
  }

  #answered(entry: E): void {
    if (!entry.awaiting) return;
    entry.awaiting = false;
    this.#awaiting--;
  }

  #expectReceipt(entry: E): void {
    const { retransmit, random } = this.#options;
    this.#overdue.set(
      entry,
      this.#clock.now() + retransmitDelay(Math.max(1, entry.tries), retransmit, random),
    );
  }

  /** Sends what may be sent now. */
  #pump(): void {
    for (let entry = this.#head(); entry && this.#rate; entry = this.#head()) {
      if (entry.n > this.#barrier() || (this.#awaiting >= this.#window && !entry.awaiting)) return;
      const now = this.#clock.now();
      const wait = Math.max(0, this.#pausedUntil - now) || this.#rate.take(now);
      if (wait > 0) {
        this.#resume.notLaterThan(now + wait);
        return;
      }
      this.#send(entry);
    }
  }

  #send(entry: E): void {
    this.#queue.pop();
    entry.queued = false;
    if (!this.#options.transmit(entry)) return;
    entry.tries++;
    if (!entry.awaiting) this.#awaiting++;
    entry.awaiting = true;
    this.#expectReceipt(entry);
  }

  /** The oldest entry that waits to be sent. */
  #head(): E | undefined {
    while (this.#queue.peek()?.queued === false) this.#queue.pop();
    return this.#queue.peek();
  }

  /** Position of the oldest entry that was refused and not accepted since. */
  #barrier(): number {
    while (this.#barriers.peek()?.refused === false) this.#barriers.pop();
    return this.#barriers.peek()?.n ?? Infinity;
  }
}
