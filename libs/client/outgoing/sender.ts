import type { Context } from '../context.ts';
import { Backoff } from '../timing/backoff.ts';
import { Alarm } from '../timing/clock.ts';
import { Heap } from './heap.ts';
import { RateLimit } from './rate.ts';
import { RetransmitTimers } from './retransmit-timers.ts';
import type { Sendable } from './sendable.ts';

/** The part of the rate's burst that is left to messages. */
const RESERVE = 0.5;

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
  readonly #timers: RetransmitTimers<E>;
  readonly #refusals: Backoff;
  /** Rings when the rate limit or the pause after a refusal lets the next packet through. */
  readonly #resume: Alarm;
  #rate: RateLimit | undefined;
  #window = 0;
  #awaiting = 0;
  #pausedUntil = 0;

  /** @param transmit sends the msg:R. @returns false when it cannot be sent at all (and is out of the outbox now) */
  constructor(context: Context, transmit: (entry: E) => boolean) {
    const { clock, random, tuning } = context;
    this.#context = context;
    this.#transmit = transmit;
    this.#timers = new RetransmitTimers(context, (entry) => this.enqueue(entry));
    this.#refusals = new Backoff(tuning.refused, random);
    this.#resume = new Alarm(clock, () => this.#pump());
  }

  /** A session begins: sends the entries that are not accepted, in order; accepted ones wait for their timer. */
  online(limits: { sendWindow: number; ratePerS: number }, entries: Iterable<E>): void {
    this.offline();
    this.#window = Math.max(1, limits.sendWindow);
    this.#rate = new RateLimit(limits.ratePerS, this.#now());
    this.#timers.online();
    for (const entry of entries) {
      entry.awaiting = false;
      entry.queued = !entry.accepted;
      if (entry.accepted) {
        entry.refused = false; // its refusal, if there was one, ended with the old connection
        this.#timers.resume(entry);
      } else {
        entry.tries = 0;
        this.#queue.push(entry);
      }
    }
    this.#pump();
  }

  /** The mailbox has been read. */
  mailboxRead(): void {
    this.#timers.mailboxRead();
  }

  /** No session, or one that is about to end: sends nothing. */
  offline(): void {
    this.#rate = undefined;
    this.#awaiting = 0;
    this.#pausedUntil = 0;
    this.#queue.clear();
    this.#timers.clear();
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
    if (this.#rate && !entry.queued && !this.#timers.has(entry)) this.#timers.start(entry);
    this.#pump();
  }

  /** The server refused it for now: sent again after a pause, and nothing newer before it is accepted. */
  refused(entry: E): void {
    this.#answered(entry);
    this.#timers.delete(entry);
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
    this.#timers.delete(entry);
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
    this.#timers.start(entry);
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
