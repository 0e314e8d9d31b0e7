import type { Caller } from './caller.ts';
import { DecisionQueue } from '../authorize/decision-queue.ts';
import type { CanSend } from '../authorize/can-send.ts';
import type { MessageSender } from '../handlers/message-sender.ts';

/**
 * A user who sends over HTTP: for one message, or for the lines of one batch. There is no session, so copies go to all
 * synced devices of the user; routing knows whether there are any (PROTOCOL: sync, 5).
 */
export class HttpSender implements MessageSender {
  readonly id = 'http';
  readonly user: string;
  readonly canSend: CanSend | undefined;
  readonly decisions = new DecisionQueue();
  readonly origin = undefined;
  readonly copiesSent = true;
  pendingMessages = 0;
  pendingListText = 0;
  closed = false;
  readonly #clock: Clock;

  /** @param clock of all senders of one batch */
  constructor(user: string, { canSend }: Pick<Caller, 'canSend'>, clock = new Clock()) {
    this.user = user;
    this.canSend = canSend;
    this.#clock = clock;
  }

  nextAt(): number {
    return this.#clock.next();
  }
}

/** The server's clock, strictly increasing. */
export class Clock {
  #last = 0;

  next(now = Date.now()): number {
    this.#last = Math.max(now, this.#last + 1);
    return this.#last;
  }
}
