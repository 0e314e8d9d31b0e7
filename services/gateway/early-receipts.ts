import type { Delivery } from '#libs/broker/delivery.ts';
import type { LiveReceipt, ReturnReason } from '#libs/broker/entries.ts';
import type { ReturnToMailbox } from './session-backend.ts';

/** Most receipts that wait for a login:A; further ones go to the mailbox. They wait for LOGIN_TIMEOUT_MS at most. */
export const MAX_EARLY_RECEIPTS = 1_000;

/**
 * Receipts that arrive after presence knows a session, but before its login:A. They follow the login:A in order
 * (PROTOCOL: login:A). If the login fails, they return to the mailbox.
 */
export class EarlyReceipts {
  readonly #returnToMailbox: ReturnToMailbox;
  #waiting: { receipt: LiveReceipt; delivery: Delivery }[] = [];

  constructor(returnToMailbox: ReturnToMailbox) {
    this.#returnToMailbox = returnToMailbox;
  }

  /** The broker's delivery waits with it. */
  offer(receipt: LiveReceipt, delivery: Delivery): void {
    if (this.#waiting.length < MAX_EARLY_RECEIPTS) this.#waiting.push({ receipt, delivery });
    else this.#returnToMailbox(receipt, 'session_full', delivery);
  }

  release(notify: (receipt: LiveReceipt) => void): void {
    for (const { receipt, delivery } of this.#take()) {
      notify(receipt);
      delivery.settled();
    }
  }

  /** Returns all of them, or those of the deliveries that match the filter. */
  returnToMailbox(reason: ReturnReason, which: (delivery: Delivery) => boolean = () => true): void {
    for (const one of this.#take())
      if (which(one.delivery)) this.#returnToMailbox(one.receipt, reason, one.delivery);
      else this.#waiting.push(one);
  }

  /** The broker has requeued all deliveries. */
  clear(): void {
    this.#take();
  }

  #take(): { receipt: LiveReceipt; delivery: Delivery }[] {
    const all = this.#waiting;
    this.#waiting = [];
    return all;
  }
}
