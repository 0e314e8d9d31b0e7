import type { Context } from '../context.ts';
import { retransmitDelay } from '../timing/backoff.ts';
import { Deadlines } from '../timing/deadlines.ts';
import type { Sendable } from './sendable.ts';

/** How long after a login the mailbox may take, before accepted messages are sent again without it, milliseconds. */
const MAILBOX_FIRST_MS = 10_000;

/**
 * How long the server may take to tell that a message expired, milliseconds (PROTOCOL: ttl, 60 s; and some for the way). A
 * copy that is sent between might reach the receiver late, and bring no news.
 */
const EXPIRY_MS = 70_000;

/**
 * When each entry is sent again unless its receipt comes. An accepted one waits until the mailbox is read, which may hold
 * its receipt; one whose ttl is over waits until the server should have told the result.
 */
export class RetransmitTimers<E extends Sendable> {
  readonly #context: Context;
  readonly #resend: (entry: E) => void;
  readonly #overdue: Deadlines<E>;
  /** Accepted entries whose time has come before the mailbox was read. */
  readonly #late = new Set<E>();
  /** Until when accepted entries wait for the mailbox to be read. */
  #mailboxBy = 0;

  constructor(context: Context, resend: (entry: E) => void) {
    this.#context = context;
    this.#resend = resend;
    this.#overdue = new Deadlines(context.clock, (entry) => this.#due(entry));
  }

  /** A session begins. */
  online(): void {
    this.#mailboxBy = this.#context.clock.now() + MAILBOX_FIRST_MS;
  }

  mailboxRead(): void {
    this.#mailboxBy = 0;
    for (const entry of this.#late) this.#due(entry);
  }

  has(entry: E): boolean {
    return this.#overdue.has(entry);
  }

  /** The entry was sent, or accepted. */
  start(entry: E): void {
    const { clock, random, tuning } = this.#context;
    const dueAt = clock.now() + retransmitDelay(Math.max(1, entry.tries), tuning.retransmit, random);
    this.#set(entry, dueAt < entry.expiresAt ? dueAt : Math.max(dueAt, entry.expiresAt + EXPIRY_MS));
  }

  /** An accepted entry on a new connection. */
  resume(entry: E): void {
    if (entry.dueAt === undefined) this.start(entry);
    else this.#overdue.set(entry, entry.dueAt);
  }

  delete(entry: E): void {
    this.#overdue.delete(entry);
    this.#late.delete(entry);
  }

  clear(): void {
    this.#overdue.clear();
    this.#late.clear();
  }

  #set(entry: E, dueAt: number): void {
    entry.dueAt = dueAt;
    this.#overdue.set(entry, dueAt);
  }

  #due(entry: E): void {
    const now = this.#context.clock.now();
    const toldBy = entry.expiresAt + EXPIRY_MS;
    this.#late.delete(entry);
    if (now >= entry.expiresAt && now < toldBy) {
      this.#set(entry, toldBy); // the timer began before msg:A, which began the time to live
    } else if (!entry.accepted || now >= this.#mailboxBy) {
      this.#resend(entry);
    } else {
      this.#late.add(entry);
      this.#overdue.set(entry, this.#mailboxBy);
    }
  }
}
