import { Alarm, type Clock } from '../timing/clock.ts';

/** What the buffer reads of a live message. */
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
export class LiveBuffer<T extends Live> {
  readonly #deliver: (message: T) => void;
  readonly #mayRelease: () => boolean;
  readonly #most: number;
  readonly #alarm: Alarm;
  #held: T[] = [];
  #open = false;
  #patienceMs = 0;

  /**
   * @param most messages that it holds at a time
   * @param mayRelease is there anybody to hand messages to?
   */
  constructor(clock: Clock, most: number, mayRelease: () => boolean, deliver: (message: T) => void) {
    this.#deliver = deliver;
    this.#most = most;
    this.#mayRelease = mayRelease;
    this.#alarm = new Alarm(clock, () => this.#timeOver());
  }

  /** @param patienceMs how long a message may wait */
  hold(patienceMs = this.#patienceMs): void {
    this.#patienceMs = patienceMs;
    this.#open = false;
  }

  /** A live message came. */
  add(message: T): void {
    if (!this.#open && this.#held.length >= this.#most) this.release();
    if (this.#open) this.#deliver(message);
    else if (this.#held.length < this.#most) {
      this.#held.push(message);
      if (this.#alarm.at === undefined) this.#alarm.in(this.#patienceMs);
    }
  }

  /** A message of `from` is about to come out of the mailbox: what is older goes first. */
  releaseOlder(from: string, at: number): void {
    if (this.#held.length === 0 || !this.#mayRelease()) return;
    const older = (message: T) => message.from === from && message.at < at;
    const first = this.#held.filter(older);
    if (first.length === 0) return;
    this.#held = this.#held.filter((message) => !older(message));
    if (this.#held.length === 0) this.#alarm.clear();
    for (const message of first) this.#deliver(message);
  }

  /** The mailbox is empty. */
  release(): void {
    if (!this.#mayRelease()) return;
    this.#open = true;
    this.#alarm.clear();
    for (const message of this.#held.splice(0)) this.#deliver(message);
  }

  /** Leaves what it holds to the server. */
  clear(): void {
    this.#alarm.clear();
    this.#held = [];
  }

  #timeOver(): void {
    if (this.#mayRelease()) this.release();
    else this.#alarm.in(this.#patienceMs); // until there is a handler
  }
}
