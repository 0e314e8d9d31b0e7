import type { Delivery } from '#libs/broker/delivery.ts';
import type { RouteMessage, Sent } from '#libs/broker/entries.ts';
import type { GatewaySender } from '#libs/relay/gateway-sender.ts';
import { nextSpan } from '#libs/runtime/spans.ts';
import { trace } from '#libs/runtime/trace.ts';
import type { SessionLocation } from '#libs/store/presence.ts';
import { routedTotal } from './metrics.ts';

export interface MessageItem {
  entry: RouteMessage;
  delivery: Delivery;
}

/** What a synced device sent, for its user's other ones. */
export interface SentItem {
  entry: Sent;
  delivery: Delivery;
}

/**
 * Sends a message to every session of its receiver. Each copy names the others: the first confirmation settles it for
 * all; where the receiver has synced devices, for the sender only.
 *
 * @param direct its confirmation is no event; if there is but one copy, it may go straight to the sender
 */
export function sendLive(
  gatewaySender: GatewaySender,
  { entry, delivery }: MessageItem,
  sessions: readonly SessionLocation[],
  since: number,
  direct = false,
): void {
  routedTotal.inc({ outcome: 'live' });
  trace('live', entry.from, entry.id, { to: entry.to, sessions });
  const span = nextSpan('route', entry.traceparent, entry.from, entry.id, since);
  const traceparent = span?.traceparent ?? entry.traceparent;
  for (const { gateway, session, copy } of sessions) {
    const others = sessions.filter((other) => other.session !== session).map(nameOf);
    gatewaySender.send(
      gateway,
      {
        ...entry,
        session,
        traceparent,
        ...(copy !== undefined && { copy }),
        ...(others.length > 0 && { others }),
        ...(direct && entry.reply && copy === undefined && others.length === 0 && { direct }),
      },
      delivery,
    );
  }
  span?.end('live');
}

const nameOf = ({ gateway, session }: SessionLocation) => ({ gateway, session });

/** Sends a copy to sessions of its user. No session need know of the others: there is no sender to tell. */
export function sendSentLive(
  gatewaySender: GatewaySender,
  { entry, delivery }: SentItem,
  sessions: readonly SessionLocation[],
): void {
  trace('sent copy live', entry.user, entry.id, { sessions });
  const { user, id, to: sentTo, body, at, seq, thread, expires } = entry;
  const fields = { from: user, to: user, id, body, at, seq, thread, expires, sentTo };
  for (const { gateway, session, copy } of sessions)
    gatewaySender.send(gateway, { kind: 'message', ...fields, session, copy }, delivery);
}
