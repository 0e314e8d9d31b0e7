import { Samples } from './samples.ts';

/** What became of messages so far, and what is wrong. */
export interface Counts {
  sent: number;
  /** With their msg:A. */
  accepted: number;
  /** That the receiver's application has (msg:N). */
  received: number;
  /** Whose sender knows (ack:N). */
  confirmed: number;
  /** msg:N and ack:N that came once more: a client drops them (PROTOCOL: G2). A stall of seconds brings some. */
  again: number;
}

const ACCEPTED = 1;
const RECEIVED = 2;
const CONFIRMED = 4;
const ALL = ACCEPTED | RECEIVED | CONFIRMED;

/** So many faults are kept in words; a run that has one is worth nothing anyway. */
const MOST_FAULTS = 5;

/**
 * Keeps an account of every message: that each step is taken, and how long after the message was due.
 *
 * Latency runs from the moment at which a message should have gone out, not from the one at which it did. When the
 * system (or this process) stalls, all that was due meanwhile is late, and shows it; a load generator that only waits
 * with the next message would leave the stall out (coordinated omission).
 */
export class Ledger {
  readonly counts: Counts = { sent: 0, accepted: 0, received: 0, confirmed: 0, again: 0 };
  /** From due to msg:A, and from due to ack:N. */
  readonly latency = { accepted: new Samples(), confirmed: new Samples() };
  readonly faults: string[] = [];
  readonly #due: Float64Array;
  readonly #number: Float64Array;
  readonly #steps: Uint8Array;
  #last = 0;

  /** @param most messages that may be under way at a time */
  constructor(most = 1 << 19) {
    this.#due = new Float64Array(most);
    this.#number = new Float64Array(most);
    this.#steps = new Uint8Array(most).fill(ALL);
  }

  /** Sent, and not confirmed yet. */
  get outstanding(): number {
    return this.counts.sent - this.counts.confirmed;
  }

  /** A message goes out. @param due when it should have, milliseconds @returns its number, never 0 */
  open(due: number): number {
    const number = ++this.#last;
    const slot = number % this.#due.length;
    if (this.#steps[slot] !== ALL)
      throw new Error(`message ${this.#number[slot]} is unfinished after ${this.#due.length} later ones`);
    this.#due[slot] = due;
    this.#number[slot] = number;
    this.#steps[slot] = 0;
    this.counts.sent++;
    return number;
  }

  accepted(number: number, now: number): void {
    if (!this.#step(number, ACCEPTED, 'accepted')) return;
    this.counts.accepted++;
    this.latency.accepted.add(now - (this.#due[number % this.#due.length] ?? now));
  }

  /** @returns whether it is the first time */
  received(number: number): boolean {
    if (!this.#step(number, RECEIVED, 'received')) return false;
    this.counts.received++;
    return true;
  }

  /** @returns whether it is the first time */
  confirmed(number: number, now: number): boolean {
    if (!this.#step(number, CONFIRMED, 'confirmed')) return false;
    this.counts.confirmed++;
    this.latency.confirmed.add(now - (this.#due[number % this.#due.length] ?? now));
    return true;
  }

  /** Something that must not be. */
  fault(what: string): void {
    if (this.faults.length < MOST_FAULTS) this.faults.push(what);
  }

  /** What is missing when nothing more is to come. */
  close(): void {
    const { sent, accepted, received, confirmed } = this.counts;
    for (const [what, count] of Object.entries({ accepted, received, confirmed }))
      if (count !== sent) this.fault(`${sent} messages were sent, ${count} of them ${what}`);
  }

  #step(number: number, step: number, what: string): boolean {
    const slot = number % this.#due.length;
    const steps = this.#steps[slot] ?? 0;
    const again = (steps & step) !== 0;
    if (this.#number[slot] !== number || (again && step === ACCEPTED)) {
      this.fault(`message ${number} was ${what} twice, or never sent`);
      return false;
    }
    if (again) {
      this.counts.again++;
      return false;
    }
    this.#steps[slot] = steps | step;
    return true;
  }
}
