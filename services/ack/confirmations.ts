import type { AckEntry } from '#libs/broker/entries.ts';
import type { Item } from '#libs/broker/reader.ts';
import { relayReceipts, type Relay } from '#libs/relay/receipts.ts';

/**
 * Confirmations by devices, on their way to the senders of the messages: `delivered`. Where a message went to several
 * devices, the others are told that it is settled. Confirmations commute, so any instance may deal with any of them.
 */
export async function relayConfirmations(relay: Relay, items: readonly Item<AckEntry>[]): Promise<void> {
  for (const { entry, delivery } of items)
    for (const { gateway, session } of entry.others ?? [])
      relay.live.send(gateway, { kind: 'settled', session, from: entry.from, id: entry.id }, delivery);
  const receipts = items.map(({ entry: { from, id, to, at }, delivery }) => ({
    receipt: { user: from, id, to, state: 'delivered' as const, at },
    delivery,
  }));
  await relayReceipts(relay, receipts);
}
