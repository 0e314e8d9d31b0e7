import type { AckEntry, Confirmation, ReadConfirmation } from '#libs/broker/entries.ts';
import type { BatchItem } from '#libs/broker/batch-processor.ts';
import { receiptsTotal } from '#libs/relay/metrics.ts';
import { messageKey } from '#libs/protocol/names.ts';
import { relayReceipts, type RelayContext, storeAndHintReceipts } from '#libs/relay/receipts.ts';
import { confirmCopies } from '#libs/store/confirm.ts';
import { confirmLiveCopies } from '#libs/store/device-confirm.ts';
import { findSessions } from '#libs/store/presence.ts';
import { markSeen } from '#libs/store/seen.ts';

type AckItem = BatchItem<Confirmation>;
type ReadItem = BatchItem<ReadConfirmation>;

/** Everything that gateways publish for the senders of messages. */
export async function relayAckEntries(
  relay: RelayContext,
  items: readonly BatchItem<AckEntry>[],
): Promise<void> {
  await relayConfirmations(
    relay,
    items.filter((item): item is AckItem => item.entry.kind === 'ack'),
  );
  await storeReads(
    relay,
    items.filter((item): item is ReadItem => item.entry.kind === 'read'),
  );
}

/** `read` follows another receipt: it always comes through the sender's mailbox (PROTOCOL: read). */
async function storeReads(relay: RelayContext, items: readonly ReadItem[]): Promise<void> {
  await markSeen(
    relay.db,
    items.map(({ entry }) => entry),
  );
  const receipts = items.map(({ entry: { from, id, to, at }, delivery }) => ({
    receipt: { user: from, id, to, state: 'read' as const, at },
    delivery,
  }));
  await storeAndHintReceipts(relay, receipts);
  for (const { entry, delivery } of items) relay.events?.message('message.read', entry, delivery);
}

/**
 * Confirmations by devices, on their way to the senders of the messages: `delivered`. Where a message went to several
 * devices, the others are told that it is settled. Confirmations commute, so any instance may handle any of them.
 */
async function relayConfirmations(relay: RelayContext, items: readonly AckItem[]): Promise<void> {
  for (const { entry, delivery } of items)
    for (const { gateway, session } of entry.others ?? [])
      relay.gatewaySender.send(
        gateway,
        {
          kind: 'settled',
          session,
          from: entry.from,
          id: entry.id,
          ...(entry.copy !== undefined && { to: entry.to }),
        },
        delivery,
      );
  const settled = await settleCopies(relay, items);
  const receipts = items
    .filter(({ entry }) => !settled.has(messageKey(entry)))
    .map(({ entry: { from, id, to, at, sentAt, traceparent, origin, reply }, delivery }) => ({
      receipt: { user: from, id, to, state: 'delivered' as const, at, sentAt },
      delivery,
      traceparent,
      origin,
      reply,
    }));
  await relayReceipts(relay, receipts);
  for (const { entry, delivery } of items) relay.events?.message('message.delivered', entry, delivery);
}

/**
 * The copy of another device may be in the mailbox, and the sender has got `stored`. Then `delivered` follows through
 * the sender's mailbox (PROTOCOL: ack:N), and the copy is deleted, unless it is a synced device's.
 *
 * @returns keys of the messages whose senders have got `stored`
 */
async function settleCopies(
  { db, gatewaySender, leaseMs }: RelayContext,
  items: readonly AckItem[],
): Promise<Set<string>> {
  const synced = items.filter(({ entry }) => entry.copy !== undefined);
  const shared = items.filter(
    ({ entry: { others, copy } }) => copy === undefined && others && others.length > 0,
  );
  const copies = [
    ...(await confirmCopies(
      db,
      shared.map(({ entry }) => entry),
    )),
    ...(await confirmLiveCopies(
      db,
      synced.map(({ entry }) => entry),
    )),
  ];
  receiptsTotal.inc({ outcome: 'stored' }, copies.filter(({ receipt }) => receipt).length);
  const senders = await findSessions(
    db,
    copies.map(({ from }) => from),
    leaseMs,
  );
  const settled = new Set(copies.map(messageKey));
  // A hint holds its confirmation: when redelivered, it finds no copy and goes live.
  for (const { entry, delivery } of [...shared, ...synced])
    if (settled.has(messageKey(entry))) gatewaySender.hint(senders.get(entry.from) ?? [], delivery);
  return settled;
}
