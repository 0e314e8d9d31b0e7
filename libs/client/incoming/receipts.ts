import { ClientError } from '../errors.ts';
import type { Outbox } from '../outgoing/outbox.ts';
import type { Receipt } from '../outgoing/receipt.ts';
import { addConfirm, type Confirm, type Fate, type Way } from './fate.ts';
import { Handing, type HandingOptions } from './handing.ts';

/** May be asynchronous. A receipt from the mailbox is confirmed once it has returned, or its promise resolved. */
export type ReceiptHandler = (receipt: Receipt) => unknown;

export interface ReceiptsOptions extends Pick<
  HandingOptions<unknown>,
  'clock' | 'failures' | 'slowHandlerMs' | 'unblocked' | 'error'
> {
  readonly outbox: Outbox;
}

interface Held {
  readonly name: string;
  readonly receipt: Receipt;
  readonly confirms: Confirm[];
}

/** Most receipts that the handler may be at work on; more are left to the server. */
const MAX_HELD = 1_000;

/** A receipt that fills the head of the mailbox is given up when the handler has failed on it as often. */
const TRIES = 2;

const nameOf = ({ id, to, state }: Receipt) => `${to}/${id}/${state}`;

/**
 * Tells the sender what became of its messages: through the message's own object where there is one, else through the
 * application's receipt handler (for messages of an earlier run, or long ago), which hears of `delivered` and `rejected`
 * only, and may see one receipt twice.
 */
export class Receipts {
  readonly #options: ReceiptsOptions;
  readonly #handing: Handing<Held>;
  readonly #held = new Map<string, Held>();
  handler: ReceiptHandler | undefined;

  constructor(options: ReceiptsOptions) {
    this.#options = options;
    this.#handing = new Handing({
      ...options,
      lane: ({ name }) => name,
      name: ({ name }) => name,
      describe: ({ receipt }) => describe(receipt),
      run: ({ receipt }) => this.handler?.(receipt),
      done: (held, handled) => {
        this.#held.delete(held.name);
        tell(held, handled ? 'handed' : 'failed');
      },
      slow: (held) => tell(held, 'slow'),
    });
    this.#handing.resume();
  }

  /**
   * `stored` for a message that the outbox has let go of is no news: its sender heard that, or more. Handed on, it could
   * be a step back.
   *
   * @param confirm told `handed` when the application knows, or nobody wants to
   */
  arrived(receipt: Receipt, confirm: Confirm, way: Way): void {
    const name = nameOf(receipt);
    const known = this.#held.get(name);
    if (this.#options.outbox.receipt(receipt) || receipt.state === 'stored' || !this.handler) {
      confirm('handed');
    } else if (known) {
      addConfirm(known.confirms, confirm);
      if (this.#handing.isSlow(name)) confirm('slow');
    } else if (this.#held.size >= MAX_HELD) confirm('failed');
    else if (way === 'mailbox' && !this.#options.failures.due(name)) confirm('later');
    else {
      const { id, to, state, at, reason } = receipt;
      const told = { id, to, state, at, ...(reason !== undefined && { reason }) };
      const held = { name, receipt: told, confirms: [confirm] };
      this.#held.set(name, held);
      this.#handing.add(held);
    }
  }

  /** It fills the head of the mailbox. The application was told, as often as is of use: it is confirmed. */
  giveUp(receipt: Receipt, confirm: Confirm): void {
    const name = nameOf(receipt);
    if (!this.#handing.isSlow(name) && this.#options.failures.tries(name) < TRIES) {
      confirm('later');
      return;
    }
    this.#options.error(new ClientError('skipped', `${describe(receipt)} was given up`));
    confirm('handed');
  }

  stop(): void {
    this.#handing.drop();
  }
}

const describe = ({ id, to, state }: Receipt) => `receipt ${state} for ${id} to ${to}`;

function tell({ confirms }: Held, fate: Fate): void {
  for (const confirm of confirms) confirm(fate);
}
