import type { Delivery, DeliverySource } from '#libs/broker/delivery.ts';
import type { GatewayEntry, LiveMessage, LiveReceipt } from '#libs/broker/entries.ts';
import { GATEWAY_INCARNATION } from '#libs/broker/entry-fields.ts';
import type { BatchItem } from '#libs/broker/batch-processor.ts';
import { GATEWAY_EXCHANGE, gatewayOfQueue } from '#libs/broker/topology.ts';
import { relayReceipts, storeAndHintReceipts } from '#libs/relay/receipts.ts';
import { removeGateways } from '#libs/store/gateways.ts';
import { markConfirmed } from '#libs/store/device-confirm.ts';
import { removeSessions } from '#libs/store/presence.ts';
import type { StoredReceipt } from '#libs/store/receipts.ts';
import { storeReturned } from './store-copies.ts';
import { storeOffline, type MailboxContext } from './store-offline.ts';
import { countReturned } from './metrics.ts';

/** Deletes the queues of dead gateways. */
export interface QueueRemover {
  /** The tombstone of this queue arrived: delete the queue. */
  deleteQueue(gateway: string, source: DeliverySource): void;
}

/**
 * Handles undelivered entries from `sixfold.returned` and from the queues of dead gateways. Messages and receipts go
 * to the mailbox and are never tried live again: no loops. Other entries are dropped: their session or gateway is
 * gone.
 */
export class ReturnedHandler {
  readonly #mailbox: MailboxContext;
  readonly #queues: QueueRemover;

  constructor(mailbox: MailboxContext, heirs: QueueRemover) {
    this.#mailbox = mailbox;
    this.#queues = heirs;
  }

  readonly handle = async (items: readonly BatchItem<GatewayEntry>[]): Promise<void> => {
    const { db } = this.#mailbox;
    const gone = new Set(
      items.flatMap(({ delivery }) => gatewayOfQueue(delivery.source.queue) ?? unreached(delivery) ?? []),
    );
    if (gone.size > 0) await removeGateways(db, [...gone]);

    const messages = items.filter((item): item is BatchItem<LiveMessage> => item.entry.kind === 'message');
    const receipts = items.filter((item): item is BatchItem<LiveReceipt> => item.entry.kind === 'receipt');
    const stale = [...messages, ...receipts].filter(({ entry }) => entry.returned === 'no_session');
    if (stale.length > 0)
      await removeSessions(
        db,
        stale.map(({ entry }) => ({
          user: entry.kind === 'message' ? entry.to : entry.user,
          session: entry.session,
        })),
      );
    await this.#relayOrStore(receipts);
    await markConfirmed(
      db,
      items.flatMap(({ entry }) => confirmedElsewhere(entry)),
    );
    // Last step that may fail, so that nothing is counted twice.
    await this.#storeMessages(messages);
    this.#mailbox.outbox?.hold(items);

    for (const { entry, delivery } of [...messages, ...receipts])
      countReturned(
        entry.returned ?? (gatewayOfQueue(delivery.source.queue) ? 'gateway_gone' : 'unroutable'),
      );
    for (const { entry, delivery } of items) {
      const gateway = gatewayOfQueue(delivery.source.queue);
      if (entry.kind === 'tombstone' && gateway !== undefined)
        this.#queues.deleteQueue(gateway, delivery.source);
    }
  };

  /**
   * A receipt that was sent without a look at presence is looked up now, once: its sender may have other sessions. What
   * a dead gateway had is stored, like everything else.
   */
  async #relayOrStore(receipts: readonly BatchItem<LiveReceipt>[]): Promise<void> {
    const isUnknown = ({ entry, delivery }: BatchItem<LiveReceipt>) =>
      entry.addressed === true && (LOOKED_UP.includes(entry.returned) || unreached(delivery) !== undefined);
    await storeAndHintReceipts(
      this.#mailbox,
      receipts
        // A session that is not synced gets receipts only while it is connected.
        .filter((item) => item.entry.copy !== '' && !isUnknown(item))
        .map(({ entry, delivery }) => ({
          receipt: { ...entry, device: entry.copy },
          delivery,
          traceparent: entry.traceparent,
        })),
    );
    await relayReceipts(
      this.#mailbox,
      receipts.filter(isUnknown).map(({ entry, delivery }) => ({
        receipt: receiptOf(entry),
        delivery,
        traceparent: entry.traceparent,
        origin: entry.copy,
      })),
    );
  }

  async #storeMessages(messages: readonly BatchItem<LiveMessage>[]): Promise<void> {
    const back = messages.map((item) => ({
      ...item,
      accepted: true,
      maybeConfirmed: maybeConfirmed(item),
      expired: item.entry.returned === 'expired',
    }));
    await storeReturned(
      this.#mailbox,
      back.filter(({ entry }) => entry.copy !== undefined),
    );
    await storeOffline(
      this.#mailbox,
      back.filter(({ entry }) => entry.copy === undefined),
    );
  }
}

/** Why a receipt comes back from a reply address. */
const LOOKED_UP: LiveReceipt['returned'][] = ['no_session', 'more_sessions'];

const receiptOf = ({ user, id, to, state, at, reason, sentAt }: LiveReceipt): StoredReceipt => ({
  ...{ user, id, to, state, at, reason, sentAt },
});

/** A session that has returned its copy, or is gone, was told that another device of its user confirmed the message. */
const confirmedElsewhere = (entry: GatewayEntry) =>
  entry.kind === 'settled' && entry.to !== undefined ? [{ ...entry, to: entry.to }] : [];

/**
 * The gateway that this was published for, if it took the alternate exchange: its queue is unbound or deleted. A live
 * gateway whose queue was unbound begins a new incarnation when this one ends.
 */
function unreached({ exchange, routingKey }: Delivery): string | undefined {
  return exchange === GATEWAY_EXCHANGE && GATEWAY_INCARNATION.test(routingKey) ? routingKey : undefined;
}

/**
 * Whether the receiver may have confirmed the message. A dead gateway may have published the confirmation just before
 * it would have acknowledged the delivery. A confirmation whose publisher confirm timed out may be in the queue too.
 * A message that no gateway received cannot be confirmed.
 */
const maybeConfirmed = ({ entry, delivery }: BatchItem<LiveMessage>) =>
  entry.answered === true || (delivery.redelivered && gatewayOfQueue(delivery.source.queue) !== undefined);
