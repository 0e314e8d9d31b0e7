import type { OfflineReceipt, ServerPacket } from './server-packets.ts';
import type { DeliveryState, RejectReason } from './names.ts';

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
}

/** A receipt on its way to the sender. */
export interface ReceiptText {
  id: string;
  to: string;
  state: DeliveryState;
  at: number;
  reason?: RejectReason | undefined;
}

function message({ id, from, bodyText, at, seq }: MessageText): string {
  const tail = seq === undefined ? '' : `,"seq":${seq}`;
  return `"id":"${id}","from":"${from}","body":${bodyText},"at":${at}${tail}}`;
}

export const msgA = (id: string, at: number) => `{"type":"msg:A","id":"${id}","at":${at}}`;

export const msgN = (m: MessageText) => `{"type":"msg:N",${message(m)}`;

export const ackA = (id: string, from: string) => `{"type":"ack:A","id":"${id}","from":"${from}"}`;

export function ackN({ id, to, state, at, reason }: ReceiptText): string {
  const tail = reason === undefined ? '' : `,"reason":"${reason}"`;
  return `{"type":"ack:N","id":"${id}","to":"${to}","state":"${state}","at":${at}${tail}}`;
}

export function offlineN(
  messages: readonly (MessageText & { key: string })[],
  receipts: readonly OfflineReceipt[],
  more: boolean,
): string {
  const texts = messages.map((m) => `{"key":"${m.key}",${message(m)}`);
  return `{"type":"offline:N","messages":[${texts.join(',')}],"receipts":${JSON.stringify(receipts)},"more":${more}}`;
}

/** Everything that carries no body and is sent seldom. */
export function encode(packet: Exclude<ServerPacket, { type: 'msg:N' | 'offline:N' }>): string {
  return JSON.stringify(packet);
}
