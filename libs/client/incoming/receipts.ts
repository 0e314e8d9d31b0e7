import { ClientError } from '../errors.ts';
import type { Confirm } from './inbox.ts';
import type { Outbox } from '../outgoing/outbox.ts';
import type { Receipt } from '../outgoing/receipt.ts';

/** May be asynchronous. A receipt from the mailbox is confirmed once it has returned, or its promise resolved. */
export type ReceiptHandler = (receipt: Receipt) => unknown;

/**
 * Tells the sender what became of its messages: through the message's own object where there is one, else through the
 * application's receipt handler (for messages of an earlier run, or long ago), which hears of `delivered` and `rejected`
 * only, and may see one receipt twice.
 */
export class Receipts {
  readonly #outbox: Outbox;
  readonly #error: (error: ClientError) => void;
  handler: ReceiptHandler | undefined;

  constructor(outbox: Outbox, error: (error: ClientError) => void) {
    this.#outbox = outbox;
    this.#error = error;
  }

  /**
   * `stored` for a message that the outbox has let go of is no news: its sender heard that, or more. Handed on, it could
   * be a step back.
   *
   * @param confirm told true when the application knows, or nobody wants to
   */
  arrived(receipt: Receipt, confirm: Confirm): void {
    if (this.#outbox.receipt(receipt) || receipt.state === 'stored') confirm(true);
    else void this.#hand(receipt, confirm);
  }

  async #hand({ id, to, state, at, reason }: Receipt, confirm: Confirm): Promise<void> {
    try {
      await this.handler?.({ id, to, state, at, ...(reason !== undefined && { reason }) });
    } catch (cause) {
      this.#error(new ClientError('handler', `the receipt handler failed on ${id} to ${to}`, { cause }));
      confirm(false);
      return;
    }
    confirm(true);
  }
}
