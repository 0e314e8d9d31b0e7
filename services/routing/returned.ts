import type { Delivery, DeliverySource } from '#libs/broker/delivery.ts';
import {
  GATEWAY_INCARNATION,
  type GatewayEntry,
  type LiveMessage,
  type LiveReceipt,
} from '#libs/broker/entries.ts';
import type { BatchItem } from '#libs/broker/batch-processor.ts';
import { GATEWAY_EXCHANGE, gatewayOfQueue } from '#libs/broker/topology.ts';
import { storeAndHintReceipts } from '#libs/relay/receipts.ts';
import { removeGateways } from '#libs/store/gateways.ts';
import { removeSessions } from '#libs/store/presence.ts';
import { storeOffline, type MailboxContext } from './store-offline.ts';
import { countReturned } from './metrics.ts';

/** What an inheritance asks of the heirs. */
export interface QueueRemover {
  /** Everything of this queue came before: remove it. */
  deleteQueue(gateway: string, source: DeliverySource): void;
}

/**
 * Deals with what could not be handed over live: from `sixfold.returned`, and from the queues of gateways that are
 * gone. Messages and receipts go to the mailbox and are never tried live again: no loops. The rest was for a session
 * or a gateway that is no more.
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
    await storeAndHintReceipts(
      this.#mailbox,
      receipts.map(({ entry, delivery }) => ({ receipt: entry, delivery, traceparent: entry.traceparent })),
    );
    // Last of what may fail, so that nothing is counted twice.
    await storeOffline(
      this.#mailbox,
      messages.map((item) => ({ ...item, maybeConfirmed: maybeConfirmed(item) })),
    );

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
}

/**
 * The gateway that this was published for, if it took the alternate exchange: its queue is not bound, or is gone. A gateway
 * that lives, and whose queue somebody unbound, begins a new epoch when this one ends.
 */
function unreached({ exchange, routingKey }: Delivery): string | undefined {
  return exchange === GATEWAY_EXCHANGE && GATEWAY_INCARNATION.test(routingKey) ? routingKey : undefined;
}

/**
 * What a gateway that is gone held may be confirmed: the confirmation is taken a moment before the message is let go of,
 * in another queue. So may what a gateway could not confirm in time. What the gateway never had is not.
 */
const maybeConfirmed = ({ entry, delivery }: BatchItem<LiveMessage>) =>
  entry.answered === true || (delivery.redelivered && gatewayOfQueue(delivery.source.queue) !== undefined);
