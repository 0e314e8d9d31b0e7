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
  type Target,
} from './entries.ts';
import { GATEWAY_INCARNATION, SESSION } from './entry-fields.ts';

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
  reply,
  traceparent,
}: Fields): AckEntry | undefined {
  if (kind !== 'ack' || others !== undefined || traceparent !== undefined) return undefined;
  if (thread !== undefined || copy !== undefined || origin !== undefined) return undefined;
  if (!isUserId(from) || !isMessageId(id) || !isUserId(to) || !isAt(at)) return undefined;
  const ack: AckEntry = { kind, from, id, to, at };
  if (sentAt !== undefined) {
    if (!isAt(sentAt)) return undefined;
    ack.sentAt = sentAt;
  }
  return replying(ack, reply);
}

function fastLive(fields: Fields): LiveMessage | LiveReceipt | undefined {
  const { kind, session, others, returned, copy, sentTo, direct } = fields;
  if (!isSession(session)) return undefined;
  if (others !== undefined || returned !== undefined || copy !== undefined || sentTo !== undefined)
    return undefined;
  if (kind === 'receipt') return receipt(session, fields);
  const message = kind === 'message' ? stored(fields) : undefined;
  if (!message || !isJson(message.body)) return undefined;
  if (direct === undefined) return { ...message, session };
  return direct === true ? { ...message, session, direct } : undefined;
}

function stored(fields: Fields): RouteMessage | undefined {
  const { from, id, to, body, at, seq, traceparent, thread, expires, read, origin, reply } = fields;
  if (thread !== undefined || expires !== undefined || read !== undefined) return undefined;
  if (origin !== undefined) return undefined;
  if (!isUserId(from) || !isMessageId(id) || !isUserId(to) || typeof body !== 'string') return undefined;
  if (!isAt(at) || traceparent !== undefined) return undefined;
  const message: RouteMessage = { kind: 'message', from, id, to, body, at };
  if (seq !== undefined) {
    if (!isSeq(seq)) return undefined;
    message.seq = seq;
  }
  return replying(message, reply);
}

/** The entry with its address, if it has one; undefined if that is not valid. */
function replying<E extends { reply?: Target | undefined }>(entry: E, reply: unknown): E | undefined {
  if (reply === undefined) return entry;
  if (typeof reply !== 'object' || reply === null) return undefined;
  const { gateway, session } = reply as Fields;
  if (typeof gateway !== 'string' || !GATEWAY_INCARNATION.test(gateway) || !isSession(session))
    return undefined;
  entry.reply = { gateway, session };
  return entry;
}

const isSession = (value: unknown): value is string => typeof value === 'string' && SESSION.test(value);

function receipt(session: string, fields: Fields): LiveReceipt | undefined {
  const { user, id, to, state, at, sentAt, reason, addressed, traceparent } = fields;
  if (!isUserId(user) || !isMessageId(id) || !isUserId(to) || !isState(state)) return undefined;
  if (!isAt(at) || reason !== undefined || traceparent !== undefined) return undefined;
  if (addressed !== undefined && addressed !== true) return undefined;
  if (sentAt !== undefined && !isAt(sentAt)) return undefined;
  const entry: LiveReceipt = { kind: 'receipt', session, user, id, to, state, at };
  if (sentAt !== undefined) entry.sentAt = sentAt;
  if (addressed) entry.addressed = addressed;
  return entry;
}

const isState = (value: unknown): value is DeliveryState =>
  (DeliveryState.options as readonly unknown[]).includes(value);
