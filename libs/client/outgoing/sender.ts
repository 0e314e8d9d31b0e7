import type { Context } from '../context.ts';
import { Backoff, retransmitDelay } from '../timing/backoff.ts';
import { Alarm } from '../timing/clock.ts';
import { Deadlines } from '../timing/deadlines.ts';
import { Heap } from './heap.ts';
import { RateLimit } from './rate.ts';

/** The sender's part of an outbox entry. Only the sender changes these fields. */
export interface Sendable {
  /** Position in the outbox. */
  readonly n: number;
  /** Tries: on this connection, once it is accepted on all. */
  tries: number;
  /** It waits to be sent. */
  queued: boolean;
  /** A msg:R of it has no answer on this connection. */
  awaiting: boolean;
  /** It has had its msg:A, on this connection or an earlier one. */
  accepted: boolean;
  /** What it counts for the rate, in packets. */
  readonly cost: number;
  /** When its ttl is over, on the clock's `now()`, once it is accepted; Infinity without one. */
  expiresAt: number;
  /** When it is sent again unless its receipt comes, on the clock's `now()`; outlives the connection. */
  dueAt: number | undefined;
  /** Its last try was refused; nothing newer is sent before it is accepted. */
  refused: boolean;
}

/** A new entry, as the sender knows it. */
export const UNSENT = {
  ...{ tries: 0, dueAt: undefined, expiresAt: Infinity },
  ...{ queued: false, awaiting: false, accepted: false, refused: false },
};

/** The part of the rate's burst that is left to messages. */
const RESERVE = 0.5;

/** How long after a login the mailbox may take, before accepted messages are sent again without it, milliseconds. */
const MAILBOX_FIRST_MS = 10_000;

/**
 * How long the server may take to tell that a message expired, milliseconds (PROTOCOL: ttl, 60 s; and some for the way). A
 * copy that is sent between might reach the receiver late, and bring no news.
 */
const EXPIRY_MS = 70_000;

const byPosition = ({ n }: Sendable) => n;

/**
 * Decides when each outbox entry is sent (PROTOCOL: what a client must do, 2): in the original order, only in a session,
 * within its window and rate; again when the server refused it for now, or when no ack:N came in time. After a reconnect,
 * entries without msg:A go at once. Entries with msg:A wait for their own timer, and until the mailbox is read, which may
 * hold their receipts. Otherwise each reconnect would send the whole outbox, and a late copy could reach a receiver that
 * has forgotten the first.
 */
export class Sender<E extends Sendable> {
  readonly #context: Context;
  readonly #transmit: (entry: E) => boolean;
  /** Entries that wait to be sent. Those that no longer do (`queued` is false) are skipped. */
  readonly #queue = new Heap<E>(byPosition);
  /** Refused entries; the oldest is the barrier. Those accepted since are skipped. */
  readonly #barriers = new Heap<E>(byPosition);
  readonly #overdue: Deadlines<E>;
  /** Accepted entries whose time has come before the mailbox was read. */
  readonly #late = new Set<E>();
  readonly #refusals: Backoff;
  /** Rings when the rate limit or the pause after a refusal lets the next packet through. */
  readonly #resume: Alarm;
  #rate: RateLimit | undefined;
  #window = 0;
  #awaiting = 0;
  #pausedUntil = 0;
  /** Until when accepted entries wait for the mailbox to be read. */
  #mailboxBy = 0;

  /** @param transmit sends the msg:R. @returns false when it cannot be sent at all (and is out of the outbox now) */
  constructor(context: Context, transmit: (entry: E) => boolean) {
    const { clock, random, tuning } = context;
    this.#context = context;
    this.#transmit = transmit;
    this.#overdue = new Deadlines(clock, (entry) => this.#due(entry));
    this.#refusals = new Backoff(tuning.refused, random);
    this.#resume = new Alarm(clock, () => this.#pump());
  }

  /** A session begins: sends the entries that are not accepted, in order; accepted ones wait for their timer. */
  online(limits: { sendWindow: number; ratePerS: number }, entries: Iterable<E>): void {
    this.offline();
    this.#window = Math.max(1, limits.sendWindow);
    this.#rate = new RateLimit(limits.ratePerS, this.#now());
    this.#mailboxBy = this.#now() + MAILBOX_FIRST_MS;
    for (const entry of entries) {
      entry.awaiting = false;
      entry.queued = !entry.accepted;
      if (entry.accepted) this.#resumeTimer(entry);
      else {
        entry.tries = 0;
        this.#queue.push(entry);
      }
    }
    this.#pump();
  }

  /** The mailbox has been read. */
  mailboxRead(): void {
    this.#mailboxBy = 0;
    for (const entry of this.#late) this.enqueue(entry);
    this.#late.clear();
  }

  /** No session, or one that is about to end: sends nothing. */
  offline(): void {
    this.#rate = undefined;
    this.#awaiting = 0;
    this.#pausedUntil = 0;
    this.#queue.clear();
    this.#overdue.clear();
    this.#late.clear();
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
    entry.accepted = true;
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
      this.#pausedUntil = this.#now() + this.#refusals.next();
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
    this.#late.delete(entry);
    this.#pump();
  }

  /** May another packet of this cost go now, without delay to a message? */
  mayPass(cost: number): boolean {
    return !this.#head() && this.#rate?.take(this.#now(), cost, RESERVE) === 0;
  }

  #now(): number {
    return this.#context.clock.now();
  }

  #answered(entry: E): void {
    if (!entry.awaiting) return;
    entry.awaiting = false;
    this.#awaiting--;
  }

  #expectReceipt(entry: E): void {
    const { random, tuning } = this.#context;
    const dueAt = this.#now() + retransmitDelay(Math.max(1, entry.tries), tuning.retransmit, random);
    entry.dueAt = dueAt < entry.expiresAt ? dueAt : Math.max(dueAt, entry.expiresAt + EXPIRY_MS);
    this.#overdue.set(entry, entry.dueAt);
  }

  /** An accepted entry on a new connection. Its refusal, if there was one, ended with the old connection. */
  #resumeTimer(entry: E): void {
    entry.refused = false;
    if (entry.dueAt === undefined) this.#expectReceipt(entry);
    else this.#overdue.set(entry, entry.dueAt);
  }

  #due(entry: E): void {
    const toldBy = entry.expiresAt + EXPIRY_MS;
    if (this.#now() >= entry.expiresAt && this.#now() < toldBy) {
      entry.dueAt = toldBy; // the timer began before msg:A, which began the time to live
      this.#overdue.set(entry, toldBy);
      return;
    }
    if (!entry.accepted || this.#now() >= this.#mailboxBy) {
      this.#late.delete(entry);
      this.enqueue(entry);
      return;
    }
    this.#late.add(entry);
    this.#overdue.set(entry, this.#mailboxBy);
  }

  /** Sends the entries that may be sent now. */
  #pump(): void {
    for (let entry = this.#head(); entry && this.#rate; entry = this.#head()) {
      if (entry.n > this.#barrier() || (this.#awaiting >= this.#window && !entry.awaiting)) return;
      const now = this.#now();
      const wait = Math.max(0, this.#pausedUntil - now) || this.#rate.take(now, entry.cost);
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
    if (!this.#transmit(entry)) return;
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
