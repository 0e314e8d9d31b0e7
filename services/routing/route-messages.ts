import type { BatchItem } from '#libs/broker/batch-processor.ts';
import type { RouteMessage, Sent } from '#libs/broker/entries.ts';
import { isJson } from '#libs/protocol/json.ts';
import type { RelayContext } from '#libs/relay/receipts.ts';
import { isExpired } from '#libs/store/expiry.ts';
import type { UserLocation } from '#libs/store/presence.ts';
import type { Erasures } from './erasures.ts';
import type { MailboxWorker } from './mailbox-worker.ts';
import type { PresenceCache } from './presence-cache.ts';
import { type MessageItem, sendLive, sendSentLive, type SentItem } from './send-live.ts';
import { awayDevices, liveSessions, type SyncedLocation } from './synced-location.ts';

/** Dependencies of routing. */
export interface RoutingContext extends Pick<
  RelayContext,
  'db' | 'gatewaySender' | 'leaseMs' | 'events' | 'outbox'
> {
  mailboxWorker: MailboxWorker;
  erasures: Erasures;
  presence: PresenceCache;
}

/** What goes to the sessions and mailboxes of a user. */
type Routed = BatchItem<RouteMessage | Sent>;

/** The user in whose partition it travels. */
const userOf = (entry: RouteMessage | Sent) => (entry.kind === 'sent' ? entry.user : entry.to);

/**
 * Messages in the order accepted: one live attempt for those whose receiver is connected, the mailbox for the rest. A
 * receiver with synced devices gets both: live where they are, the mailbox of each that is away.
 *
 * @param generation of the presence cache, in which the batch began
 */
export async function routeMessages(
  { gatewaySender, mailboxWorker, presence, events }: RoutingContext,
  items: readonly Routed[],
  generation: number,
): Promise<void> {
  if (items.length === 0) return;
  const since = Date.now();
  const found = await presence.find(
    items.map(({ entry }) => userOf(entry)),
    generation,
  );
  const stores = (entry: RouteMessage | Sent, location: UserLocation | undefined) =>
    isSynced(location)
      ? awayDevices(location, entry).length > 0 ||
        mailboxWorker.storesFor(userOf(entry)) ||
        isExpired(entry, since)
      : entry.kind === 'message' && (!location || mailboxWorker.has(entry) || isExpired(entry, since));
  for (const { entry } of items)
    if (stores(entry, found.get(userOf(entry))) && !isJson(entry.body))
      throw new TypeError('the body is not JSON: no client could read its mailbox');
  const direct = events?.wants('message.delivered') !== true;
  for (const item of items) {
    const location = found.get(userOf(item.entry));
    if (stores(item.entry, location)) mailboxWorker.add([item], isSynced(location) ? location : undefined);
    else if (isMessage(item)) {
      sendLive(gatewaySender, item, location?.sessions ?? [], since, direct);
      events?.message('message.accepted', item.entry, item.delivery);
    } else if (isSent(item) && isSynced(location))
      sendSentLive(gatewaySender, item, liveSessions(location, item.entry));
  }
}

const isMessage = (item: Routed): item is MessageItem => item.entry.kind === 'message';
const isSent = (item: Routed): item is SentItem => item.entry.kind === 'sent';

const isSynced = (location: UserLocation | undefined): location is SyncedLocation =>
  location?.devices !== undefined;
