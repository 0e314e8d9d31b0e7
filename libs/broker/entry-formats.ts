import { isJson } from '#libs/protocol/json.ts';
import { DeliveryState, isAt, isMessageId, isSeq, isUserId } from '#libs/protocol/names.ts';
import type { EntryFormat } from './dead-letters.ts';
import {
  AckEntry,
  GatewayEntry,
  type LiveMessage,
  type LiveReceipt,
  RouteEntry,
  type RouteMessage,
} from './entries.ts';
import { SESSION } from './entry-fields.ts';

/**
 * How the entries of each queue are parsed. The common kinds have a fast path without the schema, with the same
 * result. It returns undefined for all other entries (another kind, traced, invalid): the schema decides.
 */
export const ROUTE: EntryFormat<RouteEntry> = { schema: RouteEntry, fastPath: fastRoute };
export const ACK: EntryFormat<AckEntry> = { schema: AckEntry, fastPath: fastAck };
export const GATEWAY: EntryFormat<GatewayEntry> = { schema: GatewayEntry, fastPath: fastLive };

type Fields = Readonly<Record<string, unknown>>;

function fastRoute(fields: Fields): RouteMessage | undefined {
  return fields['kind'] === 'message' ? stored(fields) : undefined;
}

function fastAck({
  kind,
  from,
  id,
  to,
  at,
  sentAt,
  thread,
  others,
  copy,
  origin,
  traceparent,
}: Fields): AckEntry | undefined {
  if (kind !== 'ack' || others !== undefined || traceparent !== undefined) return undefined;
  if (thread !== undefined || copy !== undefined || origin !== undefined) return undefined;
  if (!isUserId(from) || !isMessageId(id) || !isUserId(to) || !isAt(at)) return undefined;
  if (sentAt === undefined) return { kind, from, id, to, at };
  return isAt(sentAt) ? { kind, from, id, to, at, sentAt } : undefined;
}

function fastLive(fields: Fields): LiveMessage | LiveReceipt | undefined {
  const { kind, session, others, returned, copy, sentTo } = fields;
  if (typeof session !== 'string' || !SESSION.test(session)) return undefined;
  if (others !== undefined || returned !== undefined || copy !== undefined || sentTo !== undefined)
    return undefined;
  if (kind === 'receipt') return receipt(session, fields);
  const message = kind === 'message' ? stored(fields) : undefined;
  return message && isJson(message.body) ? { ...message, session } : undefined;
}

function stored(fields: Fields): RouteMessage | undefined {
  const { from, id, to, body, at, seq, traceparent, thread, expires, read, origin } = fields;
  if (thread !== undefined || expires !== undefined || read !== undefined) return undefined;
  if (origin !== undefined) return undefined;
  if (!isUserId(from) || !isMessageId(id) || !isUserId(to) || typeof body !== 'string') return undefined;
  if (!isAt(at) || traceparent !== undefined) return undefined;
  if (seq === undefined) return { kind: 'message', from, id, to, body, at };
  return isSeq(seq) ? { kind: 'message', from, id, to, body, at, seq } : undefined;
}

function receipt(session: string, fields: Fields): LiveReceipt | undefined {
  const { user, id, to, state, at, sentAt, reason, traceparent } = fields;
  if (!isUserId(user) || !isMessageId(id) || !isUserId(to) || !isState(state)) return undefined;
  if (!isAt(at) || reason !== undefined || traceparent !== undefined) return undefined;
  if (sentAt === undefined) return { kind: 'receipt', session, user, id, to, state, at };
  return isAt(sentAt) ? { kind: 'receipt', session, user, id, to, state, at, sentAt } : undefined;
}

const isState = (value: unknown): value is DeliveryState =>
  (DeliveryState.options as readonly unknown[]).includes(value);
