import type { Delivery } from '#libs/broker/delivery.ts';
import type { RouteMessage } from '#libs/broker/entries.ts';
import { isJson } from '#libs/protocol/json.ts';
import type { Live } from '#libs/relay/live.ts';
import { nextSpan } from '#libs/runtime/spans.ts';
import { trace } from '#libs/runtime/trace.ts';
import type { Where } from '#libs/store/presence.ts';
import { storeAway, type AwayItem, type Mailbox } from './away.ts';
import { findSessions } from '#libs/store/presence.ts';
import { routedTotal } from './metrics.ts';

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

/** Messages in the order accepted: one live attempt for those whose receiver is connected, the mailbox for the rest. */
export async function routeMessages(mailbox: Mailbox, items: readonly MessageItem[]): Promise<void> {
  if (items.length === 0) return;
  const since = Date.now();
  const presence = await findSessions(
    mailbox.db,
    items.map(({ entry }) => entry.to),
    mailbox.leaseMs,
  );
  const away: AwayItem[] = items.filter(({ entry }) => !presence.has(entry.to));
  for (const { entry } of away)
    if (!isJson(entry.body)) throw new TypeError('the body is not JSON: no client could read its mailbox');
  await storeAway(mailbox, away); // first: if it fails, all of this is done again
  for (const item of items) {
    const sessions = presence.get(item.entry.to);
    if (sessions) sendLive(mailbox.live, item, sessions, since);
  }
}
