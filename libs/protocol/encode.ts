import type { OfflineN, OfflineReceipt, ServerPacket } from './server-packets.ts';
import type { DeliveryState, Receivers, RejectReason } from './names.ts';

/**
 * Server packets as text. Bodies are spliced in as the text their sender wrote. Names need no escaping: the
 * characters that a name may have (names.ts) mean nothing to JSON.
 */

/** A message on its way to its receiver; `bodyText` is JSON. */
export interface MessageText {
  id: string;
  from: string;
  bodyText: string;
  at: number;
  seq?: number | undefined;
  thread?: string | undefined;
  /** The proof for read:R. */
  read?: string | undefined;
  /** `to` as sent: only with what another device of the receiver sent. */
  sentTo?: Receivers | undefined;
}

/** A receipt on its way to the sender. */
export interface ReceiptText {
  id: string;
  to: string;
  state: DeliveryState;
  at: number;
  reason?: RejectReason | undefined;
}

function message(m: MessageText): string {
  const tail = m.seq === undefined ? '' : `,"seq":${m.seq}`;
  return `"id":"${m.id}","from":"${m.from}","body":${m.bodyText},"at":${m.at}${tail}${rare(m)}}`;
}

function rare({ thread, read, sentTo }: MessageText): string {
  let text = thread === undefined ? '' : `,"thread":"${thread}"`;
  if (read !== undefined) text += `,"read":"${read}"`;
  if (sentTo !== undefined) text += `,"to":${JSON.stringify(sentTo)}`;
  return text;
}

export const msgA = (id: string, at: number) => `{"type":"msg:A","id":"${id}","at":${at}}`;

export const msgN = (m: MessageText) => `{"type":"msg:N",${message(m)}`;

export const ackA = (id: string, from: string) => `{"type":"ack:A","id":"${id}","from":"${from}"}`;

export function ackN({ id, to, state, at, reason }: ReceiptText): string {
  const tail = reason === undefined ? '' : `,"reason":"${reason}"`;
  return `{"type":"ack:N","id":"${id}","to":"${to}","state":"${state}","at":${at}${tail}}`;
}

/** A signal on its way to its receiver; `bodyText` is JSON. */
export type SignalText = Pick<MessageText, 'from' | 'bodyText' | 'at' | 'thread'>;

export function signalN({ from, bodyText, at, thread }: SignalText): string {
  const tail = thread === undefined ? '' : `,"thread":"${thread}"`;
  return `{"type":"signal:N","from":"${from}","body":${bodyText},"at":${at}${tail}}`;
}

/** Entries of a mailbox, as offline:N has them. */
type PageText = [
  messages: readonly (MessageText & { key: string })[],
  receipts: readonly OfflineReceipt[],
  more: boolean,
  missed?: OfflineN['missed'],
];

export const offlineN = (...page: PageText) => `{"type":"offline:N",${fieldsOf(...page)}`;

/** The same over HTTP, which needs no type. */
export const mailboxPage = (...page: PageText) => `{${fieldsOf(...page)}`;

function fieldsOf(...[messages, receipts, more, missed]: PageText): string {
  const tail = missed ? `,"missed":${JSON.stringify(missed)}` : '';
  const texts = messages.map((m) => `{"key":"${m.key}",${message(m)}`);
  return `"messages":[${texts.join(',')}],"receipts":${JSON.stringify(receipts)},"more":${more}${tail}}`;
}
/** Everything that carries no body and is sent seldom. */
export function encode(packet: Exclude<ServerPacket, { type: 'msg:N' | 'offline:N' | 'signal:N' }>): string {
  return JSON.stringify(packet);
}
