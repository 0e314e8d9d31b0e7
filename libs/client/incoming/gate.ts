import { Alarm, type Clock } from '../timing/clock.ts';

/** What the gate reads of a live message. */
interface Live {
  readonly from: string;
  readonly at: number;
}

/**
 * Holds live messages back after a login, until what lies in the mailbox has been handed on: that is older (PROTOCOL:
 * what a client must do, 5).
 *
 * Bounded in number, by the gateway's receive window (and a limit of ours), and in time: what waits must still be
 * answered within the gateway's ackTimeoutMs. When the time is over, live messages go through; those of senders who still
 * have older ones in the mailbox overtake them then. Without a handler nothing goes through, and what is more than the
 * limit is left to the server.
 */
export class Gate<T extends Live> {
  readonly #pass: (message: T) => void;
  readonly #mayOpen: () => boolean;
  readonly #most: number;
  readonly #alarm: Alarm;
  #held: T[] = [];
  #open = false;
  #patienceMs = 0;

  /**
   * @param most messages that it holds at a time
   * @param mayOpen is there anybody to hand messages to?
   */
  constructor(clock: Clock, most: number, mayOpen: () => boolean, pass: (message: T) => void) {
    this.#pass = pass;
    this.#most = most;
    this.#mayOpen = mayOpen;
    this.#alarm = new Alarm(clock, () => this.#timeOver());
  }

  /** @param patienceMs how long a message may wait */
  shut(patienceMs = this.#patienceMs): void {
    this.#patienceMs = patienceMs;
    this.#open = false;
  }

  /** A live message came. */
  offer(message: T): void {
    if (!this.#open && this.#held.length >= this.#most) this.open();
    if (this.#open) this.#pass(message);
    else if (this.#held.length < this.#most) {
      this.#held.push(message);
      if (this.#alarm.at === undefined) this.#alarm.in(this.#patienceMs);
    }
  }

  /** A message of `from` is about to come out of the mailbox: what is older goes first. */
  passOlder(from: string, at: number): void {
    if (this.#held.length === 0 || !this.#mayOpen()) return;
    const older = (message: T) => message.from === from && message.at < at;
    const first = this.#held.filter(older);
    if (first.length === 0) return;
    this.#held = this.#held.filter((message) => !older(message));
    if (this.#held.length === 0) this.#alarm.clear();
    for (const message of first) this.#pass(message);
  }

  /** The mailbox is empty. */
  open(): void {
    if (!this.#mayOpen()) return;
    this.#open = true;
    this.#alarm.clear();
    for (const message of this.#held.splice(0)) this.#pass(message);
  }

  /** Leaves what it holds to the server. */
  drop(): void {
    this.#alarm.clear();
    this.#held = [];
  }

  #timeOver(): void {
    if (this.#mayOpen()) this.open();
    else this.#alarm.in(this.#patienceMs); // until there is a handler
  }
}
