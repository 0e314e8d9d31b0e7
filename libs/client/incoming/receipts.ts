import type { Context } from '../context.ts';
import type { Outbox } from '../outgoing/outbox.ts';
import { nextState, type OutgoingState } from '../outgoing/outgoing-state.ts';
import type { Receipt } from '../outgoing/receipt.ts';
import { RecentMap } from '../recent-map.ts';
import { addCallback, type DeliveryResult, type OnResult, type Source } from './delivery-result.ts';
import { HandlerRunner, type Item } from './handler-runner.ts';

/** May be asynchronous. A receipt from the mailbox is confirmed once it has returned, or its promise resolved. */
export type ReceiptHandler = (receipt: Receipt) => unknown;

interface PendingReceipt extends Item {
  readonly receipt: Receipt;
  readonly callbacks: OnResult[];
}

/** Most receipts that handlers run for; more are left to the server. */
const MAX_PENDING = 1_000;

/** A receipt that blocks the mailbox is given up when the handler has failed on it as often. */
const TRIES = 2;

const messageOf = ({ id, to }: Receipt) => `${to}/${id}`;
const nameOf = ({ id, to, state }: Receipt) => `${to}/${id}/${state}`;
const describe = ({ id, to, state }: Receipt) => `receipt ${state} for ${id} to ${to}`;

/**
 * Tells the sender the result of its messages: through the message's own object where there is one, else through the
 * application's receipt handler (for messages of an earlier run, of another device, or long ago), which may get one receipt
 * twice. It gets `stored` only on a synced device: elsewhere the message's own object had it.
 */
export class Receipts {
  readonly #context: Context;
  readonly #outbox: Outbox;
  readonly #runner: HandlerRunner<PendingReceipt>;
  readonly #pending = new Map<string, PendingReceipt>();
  /** The furthest state that the handler knows, by message and receiver, so that no later receipt is a step back. */
  readonly #told = new RecentMap<OutgoingState>();
  handler: ReceiptHandler | undefined;

  constructor(context: Context, outbox: Outbox, unblocked: () => void) {
    this.#context = context;
    this.#outbox = outbox;
    this.#runner = new HandlerRunner(context, {
      describe: ({ receipt }) => describe(receipt),
      run: ({ receipt }) => this.handler?.(receipt),
      done: (pending, handled) => {
        this.#pending.delete(pending.name);
        if (handled) this.#told.set(messageOf(pending.receipt), pending.receipt.state);
        tell(pending, handled ? 'done' : 'failed');
      },
      slow: (pending) => tell(pending, 'slow'),
      unblocked,
    });
    this.#runner.resume();
  }

  /**
   * `stored` for a message that the outbox has let go of is no news: its sender got that state, or a later one. It could
   * be a step back.
   *
   * @param onResult called with `done` when the application knows, or has no handler
   */
  arrived(receipt: Receipt, onResult: OnResult, source: Source): void {
    const { id, to, state, at, reason } = receipt;
    const name = nameOf(receipt);
    const known = this.#pending.get(name);
    const told = this.#told.get(messageOf(receipt)) ?? 'sent';
    const isNews = nextState(told, state) !== told && (state !== 'stored' || this.#context.sync);
    if (this.#outbox.receipt(receipt) || !isNews || !this.handler) onResult('done');
    else if (known) {
      addCallback(known.callbacks, onResult);
      if (this.#runner.isSlow(name)) onResult('slow');
    } else if (this.#pending.size >= MAX_PENDING) onResult('failed');
    else if (source === 'mailbox' && !this.#runner.failures.due(name)) onResult('later');
    else {
      const told = { id, to, state, at, ...(reason !== undefined && { reason }) };
      const pending = { key: name, name, receipt: told, callbacks: [onResult] };
      this.#pending.set(name, pending);
      this.#runner.add(pending);
    }
  }

  /** Gives up a receipt that blocks the mailbox, if the handler had enough tries: it is confirmed. */
  giveUp(receipt: Receipt, onResult: OnResult): void {
    const name = nameOf(receipt);
    if (this.#runner.isSlow(name) || this.#runner.failures.tries(name) >= TRIES) {
      this.#context.fail('skipped', `${describe(receipt)} was given up`);
      onResult('done');
    } else onResult('later');
  }

  stop(): void {
    this.#runner.drop();
  }
}

function tell({ callbacks }: PendingReceipt, result: DeliveryResult): void {
  for (const callback of callbacks) callback(result);
}
