import type { Delivery } from '#libs/broker/delivery.ts';
import type { RouteMessage } from '#libs/broker/entries.ts';
import { isJson } from '#libs/protocol/json.ts';
import type { Live } from '#libs/relay/live.ts';
import type { Relay } from '#libs/relay/receipts.ts';
import { nextSpan } from '#libs/runtime/spans.ts';
import { trace } from '#libs/runtime/trace.ts';
import type { Where } from '#libs/store/presence.ts';
import { routedTotal } from './metrics.ts';
import type { Mailboxes } from './mailboxes.ts';
import type { PresenceCache } from './presence-cache.ts';

interface MessageItem {
  entry: RouteMessage;
  delivery: Delivery;
}

/** A message goes to every session of its receiver; each knows of the others, since the first to confirm settles it. */
function sendLive(
  live: Live,
  { entry, delivery }: MessageItem,
  sessions: readonly Where[],
  since: number,
): void {
  routedTotal.inc({ outcome: 'live' });
  trace('live', entry.from, entry.id, { to: entry.to, sessions });
  const span = nextSpan('route', entry.traceparent, entry.from, entry.id, since);
  const traceparent = span?.traceparent ?? entry.traceparent;
  for (const { gateway, session } of sessions) {
    const others = sessions.filter((other) => other.session !== session);
    live.send(gateway, { ...entry, session, traceparent, ...(others.length > 0 && { others }) }, delivery);
  }
  span?.end('live');
}

/** What messages are routed with. */
export interface Ways extends Pick<Relay, 'db' | 'live' | 'leaseMs'> {
  mailboxes: Mailboxes;
  presence: PresenceCache;
}

/**
 * Messages in the order accepted: one live attempt for those whose receiver is connected, the mailbox for the rest.
 *
 * @param era of the presence cache, in which the batch began
 */
export async function routeMessages(
  { live, mailboxes, presence }: Ways,
  items: readonly MessageItem[],
  era: number,
): Promise<void> {
  if (items.length === 0) return;
  const since = Date.now();
  const found = await presence.find(
    items.map(({ entry }) => entry.to),
    era,
  );
  const away = (entry: RouteMessage) => !found.has(entry.to) || mailboxes.has(entry);
  for (const { entry } of items)
    if (away(entry) && !isJson(entry.body))
      throw new TypeError('the body is not JSON: no client could read its mailbox');
  for (const item of items) {
    if (away(item.entry)) mailboxes.add([item]);
    else sendLive(live, item, found.get(item.entry.to) ?? [], since);
  }
}
