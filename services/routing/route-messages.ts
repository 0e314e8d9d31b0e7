import type { Delivery } from '#libs/broker/delivery.ts';
import type { RouteMessage } from '#libs/broker/entries.ts';
import { isJson } from '#libs/protocol/json.ts';
import type { GatewaySender } from '#libs/relay/gateway-sender.ts';
import type { RelayContext } from '#libs/relay/receipts.ts';
import { nextSpan } from '#libs/runtime/spans.ts';
import { trace } from '#libs/runtime/trace.ts';
import { isExpired } from '#libs/store/expiry.ts';
import type { SessionLocation } from '#libs/store/presence.ts';
import { routedTotal } from './metrics.ts';
import type { MailboxWorker } from './mailbox-worker.ts';
import type { PresenceCache } from './presence-cache.ts';

interface MessageItem {
  entry: RouteMessage;
  delivery: Delivery;
}

/**
 * Sends a message to every session of its receiver. Each copy names the others: the first confirmation settles it for
 * all.
 */
function sendLive(
  gatewaySender: GatewaySender,
  { entry, delivery }: MessageItem,
  sessions: readonly SessionLocation[],
  since: number,
): void {
  routedTotal.inc({ outcome: 'live' });
  trace('live', entry.from, entry.id, { to: entry.to, sessions });
  const span = nextSpan('route', entry.traceparent, entry.from, entry.id, since);
  const traceparent = span?.traceparent ?? entry.traceparent;
  for (const { gateway, session } of sessions) {
    const others = sessions.filter((other) => other.session !== session);
    gatewaySender.send(
      gateway,
      { ...entry, session, traceparent, ...(others.length > 0 && { others }) },
      delivery,
    );
  }
  span?.end('live');
}

/** Dependencies of routing. */
export interface RoutingContext extends Pick<RelayContext, 'db' | 'gatewaySender' | 'leaseMs'> {
  mailboxWorker: MailboxWorker;
  presence: PresenceCache;
}

/**
 * Messages in the order accepted: one live attempt for those whose receiver is connected, the mailbox for the rest.
 *
 * @param generation of the presence cache, in which the batch began
 */
export async function routeMessages(
  { gatewaySender, mailboxWorker, presence }: RoutingContext,
  items: readonly MessageItem[],
  generation: number,
): Promise<void> {
  if (items.length === 0) return;
  const since = Date.now();
  const found = await presence.find(
    items.map(({ entry }) => entry.to),
    generation,
  );
  const away = (entry: RouteMessage) =>
    !found.has(entry.to) || mailboxWorker.has(entry) || isExpired(entry, since);
  for (const { entry } of items)
    if (away(entry) && !isJson(entry.body))
      throw new TypeError('the body is not JSON: no client could read its mailbox');
  for (const item of items) {
    if (away(item.entry)) mailboxWorker.add([item]);
    else sendLive(gatewaySender, item, found.get(item.entry.to) ?? [], since);
  }
}
