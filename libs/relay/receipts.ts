import type { Delivery } from '#libs/broker/delivery.ts';
import { nextSpan } from '#libs/runtime/spans.ts';
import { trace } from '#libs/runtime/trace.ts';
import type { Database } from '#libs/store/database.ts';
import { findSessions, type SessionLocation } from '#libs/store/presence.ts';
import { storeReceipts, type StoredReceipt } from '#libs/store/receipts.ts';
import type { GatewaySender } from './gateway-sender.ts';
import { receiptsTotal } from './metrics.ts';

export interface RelayContext {
  db: Database;
  gatewaySender: GatewaySender;
  leaseMs: number;
}

/** A receipt and the delivery that it comes from. */
export interface ReceiptItem {
  receipt: StoredReceipt;
  delivery: Delivery;
  /** The step that it follows, if the message is traced. */
  traceparent?: string | undefined;
}

/**
 * Sends receipts to senders: live if connected, else to their mailbox.
 *
 * @param presence locations of the senders, if already known
 */
export async function relayReceipts(
  relay: RelayContext,
  items: readonly ReceiptItem[],
  presence?: Map<string, SessionLocation[]>,
): Promise<void> {
  const { db, gatewaySender, leaseMs } = relay;
  const since = Date.now();
  const found =
    presence ??
    (await findSessions(
      db,
      items.map(({ receipt }) => receipt.user),
      leaseMs,
    ));
  const away: ReceiptItem[] = [];
  for (const item of items) {
    const sessions = found.get(item.receipt.user);
    if (!sessions) away.push(item);
    else {
      const { user, id, state } = item.receipt;
      trace('receipt live', user, id, { state, sessions });
      const span = nextSpan('receipt', item.traceparent, user, id, since);
      const traceparent = span?.traceparent ?? item.traceparent;
      for (const { gateway, session } of sessions)
        gatewaySender.send(
          gateway,
          { kind: 'receipt', session, ...item.receipt, traceparent },
          item.delivery,
        );
      span?.end('live');
    }
  }
  await storeAndHintReceipts(relay, away);
  receiptsTotal.inc({ outcome: 'live' }, items.length - away.length); // once, also if the mailbox took several tries
}

/**
 * Stores receipts in mailboxes, then looks the senders up and hints. Insert-then-look meets register-then-pull: one
 * side always sees the other, so no sender who comes back meanwhile misses a receipt.
 */
export async function storeAndHintReceipts(
  { db, gatewaySender, leaseMs }: RelayContext,
  items: readonly ReceiptItem[],
): Promise<void> {
  if (items.length === 0) return;
  const since = Date.now();
  const stored = await storeReceipts(
    db,
    items.map(({ receipt }) => receipt),
  );
  receiptsTotal.inc({ outcome: 'stored' }, stored);
  for (const { receipt, traceparent } of items) {
    trace('receipt stored', receipt.user, receipt.id, { state: receipt.state });
    nextSpan('receipt', traceparent, receipt.user, receipt.id, since)?.end('stored');
  }
  const back = await findSessions(
    db,
    items.map(({ receipt }) => receipt.user),
    leaseMs,
  );
  const first = new Map(items.map((item) => [item.receipt.user, item.delivery]));
  for (const [user, sessions] of back) gatewaySender.hint(sessions, first.get(user));
}
