import { ClientError } from '../errors.ts';
import type { Outbox } from '../outgoing/outbox.ts';
import type { Receipt } from '../outgoing/receipt.ts';
import { addCallback, type OnResult, type DeliveryResult, type Source } from './delivery-result.ts';
import { HandlerRunner, type HandlerRunnerOptions } from './handler-runner.ts';

/** May be asynchronous. A receipt from the mailbox is confirmed once it has returned, or its promise resolved. */
export type ReceiptHandler = (receipt: Receipt) => unknown;

export interface ReceiptsOptions extends Pick<
  HandlerRunnerOptions<unknown>,
  'clock' | 'failures' | 'slowHandlerMs' | 'unblocked' | 'error'
> {
  readonly outbox: Outbox;
}

interface PendingReceipt {
  readonly name: string;
  readonly receipt: Receipt;
  readonly callbacks: OnResult[];
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
  readonly #runner: HandlerRunner<PendingReceipt>;
  readonly #pending = new Map<string, PendingReceipt>();
  handler: ReceiptHandler | undefined;

  constructor(options: ReceiptsOptions) {
    this.#options = options;
    this.#runner = new HandlerRunner({
      ...options,
      key: ({ name }) => name,
      name: ({ name }) => name,
      describe: ({ receipt }) => describe(receipt),
      run: ({ receipt }) => this.handler?.(receipt),
      done: (pending, handled) => {
        this.#pending.delete(pending.name);
        tell(pending, handled ? 'done' : 'failed');
      },
      slow: (pending) => tell(pending, 'slow'),
    });
    this.#runner.resume();
  }

  /**
   * `stored` for a message that the outbox has let go of is no news: its sender heard that, or more. Handed on, it could
   * be a step back.
   *
   * @param onResult told `done` when the application knows, or nobody wants to
   */
  arrived(receipt: Receipt, onResult: OnResult, source: Source): void {
    const name = nameOf(receipt);
    const known = this.#pending.get(name);
    if (this.#options.outbox.receipt(receipt) || receipt.state === 'stored' || !this.handler) {
      onResult('done');
    } else if (known) {
      addCallback(known.callbacks, onResult);
      if (this.#runner.isSlow(name)) onResult('slow');
    } else if (this.#pending.size >= MAX_HELD) onResult('failed');
    else if (source === 'mailbox' && !this.#options.failures.due(name)) onResult('later');
    else {
      const { id, to, state, at, reason } = receipt;
      const told = { id, to, state, at, ...(reason !== undefined && { reason }) };
      const pending = { name, receipt: told, callbacks: [onResult] };
      this.#pending.set(name, pending);
      this.#runner.add(pending);
    }
  }

  /** It fills the head of the mailbox. The application was told, as often as is of use: it is confirmed. */
  giveUp(receipt: Receipt, onResult: OnResult): void {
    const name = nameOf(receipt);
    if (!this.#runner.isSlow(name) && this.#options.failures.tries(name) < TRIES) {
      onResult('later');
      return;
    }
    this.#options.error(new ClientError('skipped', `${describe(receipt)} was given up`));
    onResult('done');
  }

  stop(): void {
    this.#runner.drop();
  }
}

const describe = ({ id, to, state }: Receipt) => `receipt ${state} for ${id} to ${to}`;

function tell({ callbacks }: PendingReceipt, result: DeliveryResult): void {
  for (const onResult of callbacks) onResult(result);
}
