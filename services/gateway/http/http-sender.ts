import type { CanSend } from '../authorize/can-send.ts';
import { DecisionQueue } from '../authorize/decision-queue.ts';
import type { MessageSender } from '../handlers/message-sender.ts';

/** One message, or the lines of one batch, in the place of a session. */
export class HttpSession {
  pendingMessages = 0;
  pendingListText = 0;
  /** The client is gone. */
  closed = false;
  #lastAt = 0;

  /** The server's clock, strictly increasing. */
  nextAt(now = Date.now()): number {
    this.#lastAt = Math.max(now, this.#lastAt + 1);
    return this.#lastAt;
  }
}

/**
 * A user who sends over HTTP. Copies go to all synced devices of the user, since none of them sends; routing knows whether
 * there are any (PROTOCOL: sync, 5).
 */
export class HttpSender implements MessageSender {
  readonly id = 'http';
  readonly user: string;
  readonly canSend: CanSend | undefined;
  readonly decisions = new DecisionQueue();
  readonly origin = '';
  readonly reply = undefined;
  readonly copiesSent = true;
  readonly #session: HttpSession;

  /** @param canSend as the caller's token says */
  constructor(user: string, canSend: CanSend | undefined, session = new HttpSession()) {
    this.user = user;
    this.canSend = canSend;
    this.#session = session;
  }

  get closed(): boolean {
    return this.#session.closed;
  }

  get pendingMessages(): number {
    return this.#session.pendingMessages;
  }

  set pendingMessages(count: number) {
    this.#session.pendingMessages = count;
  }

  get pendingListText(): number {
    return this.#session.pendingListText;
  }

  set pendingListText(text: number) {
    this.#session.pendingListText = text;
  }

  nextAt(): number {
    return this.#session.nextAt();
  }
}
