import { Samples } from './samples.ts';

const ACCEPTED = 1;
const RECEIVED = 2;
const CONFIRMED = 4;
const ALL = ACCEPTED | RECEIVED | CONFIRMED;

/** Faults that are kept in words; a run with one is worth nothing anyway. */
const MOST_FAULTS = 5;

/**
 * Keeps an account of every message: that each step is taken, and how long after the message was due.
 *
 * Latency runs from the moment at which a message should have gone out, not from the one at which it did. When the
 * system (or this process) stalls, all messages that were due meanwhile are late, and show it; a load generator that only
 * waits with the next message would leave the stall out (coordinated omission).
 */
export class Ledger {
  /**
   * `accepted` by msg:A, `received` as msg:N, `confirmed` to the sender by ack:N; `again`: msg:N and ack:N that were
   * repeated, which a client drops (PROTOCOL: G2). A stall of seconds brings some.
   */
  readonly counts = { sent: 0, accepted: 0, received: 0, confirmed: 0, again: 0 };
  /** From due to msg:A, and from due to ack:N. */
  readonly latency = { accepted: new Samples(), confirmed: new Samples() };
  readonly faults: string[] = [];
  readonly #due: Float64Array;
  readonly #number: Float64Array;
  readonly #steps: Uint8Array;

  /** @param most messages that may be under way at a time */
  constructor(most = 1 << 19) {
    this.#due = new Float64Array(most);
    this.#number = new Float64Array(most);
    this.#steps = new Uint8Array(most).fill(ALL);
  }

  /** A message goes out. @param due when it should have, milliseconds @returns its number, never 0 */
  open(due: number): number {
    const number = ++this.counts.sent;
    const slot = number % this.#due.length;
    if (this.#steps[slot] !== ALL)
      throw new Error(`message ${this.#number[slot]} is unfinished after ${this.#due.length} later ones`);
    this.#due[slot] = due;
    this.#number[slot] = number;
    this.#steps[slot] = 0;
    return number;
  }

  accepted(number: number, now: number): void {
    if (this.#step(number, ACCEPTED, 'accepted')) this.latency.accepted.add(now - this.#dueOf(number));
  }

  /** @returns whether it is the first time */
  received(number: number): boolean {
    return this.#step(number, RECEIVED, 'received');
  }

  /** @returns whether it is the first time */
  confirmed(number: number, now: number): boolean {
    const first = this.#step(number, CONFIRMED, 'confirmed');
    if (first) this.latency.confirmed.add(now - this.#dueOf(number));
    return first;
  }

  fault(what: string): void {
    if (this.faults.length < MOST_FAULTS) this.faults.push(what);
  }

  /** Nothing more is to come: what is missing is a fault. */
  close(): void {
    const { sent, accepted, received, confirmed } = this.counts;
    for (const [what, count] of Object.entries({ accepted, received, confirmed }))
      if (count !== sent) this.fault(`${sent} messages were sent, ${count} of them ${what}`);
  }

  #dueOf(number: number): number {
    return this.#due[number % this.#due.length] ?? NaN;
  }

  /** @returns whether it is the first time */
  #step(number: number, step: number, what: 'accepted' | 'received' | 'confirmed'): boolean {
    const slot = number % this.#due.length;
    const steps = this.#steps[slot] ?? 0;
    const again = (steps & step) !== 0;
    if (this.#number[slot] !== number || (again && step === ACCEPTED))
      this.fault(`message ${number} was ${what} twice, or never sent`);
    else if (again) this.counts.again++;
    else {
      this.#steps[slot] = steps | step;
      this.counts[what]++;
      return true;
    }
    return false;
  }
}
