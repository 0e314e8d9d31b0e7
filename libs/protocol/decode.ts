import type { z } from 'zod';
import { type AckR, CLIENT_PACKETS, type ClientType } from './client-packets.ts';
import { bodyFault, type Json, memberText } from './json.ts';
import { isMessageId, isSeq, isUserId, MessageId, UserId } from './names.ts';

/** What an `error` packet names as the packet it answers. */
export interface Re {
  type: string;
  id?: string;
  from?: string;
  /** Those of a list that are refused. */
  to?: string[];
}

type MsgR = z.output<(typeof CLIENT_PACKETS)['msg:R']>;

/** With the body as the text that the sender wrote; no service looks into it. */
type WithText<P> = Omit<P, 'body'> & { bodyText: string };
export type ReadMsgR = WithText<MsgR>;
export type ReadSignalR = WithText<z.output<(typeof CLIENT_PACKETS)['signal:R']>>;

type Read = {
  [T in ClientType]: T extends 'msg:R'
    ? ReadMsgR
    : T extends 'signal:R'
      ? ReadSignalR
      : z.output<(typeof CLIENT_PACKETS)[T]>;
};
/** A packet as a gateway reads it. */
export type ReadPacket = Read[ClientType];

/** Why a frame is a `bad_packet`: which field, and what is off. Never quotes what the client sent. */
export interface Fault {
  message: string;
  /** The field that is off, where one field is. */
  field?: string;
  re?: Re;
}

export type Decoded = { packet: ReadPacket; fault?: never } | { fault: Fault; packet?: never };

/** As much of a packet's name as can be told: an error is no help if the client cannot match it. */
function readRe(fields: Record<string, unknown>): Re | undefined {
  if (typeof fields['type'] !== 'string' || fields['type'].length > 32) return undefined;
  const id = MessageId.safeParse(fields['id']);
  const from = UserId.safeParse(fields['from']);
  return {
    type: fields['type'],
    ...(id.success && { id: id.data }),
    ...(from.success && { from: from.data }),
  };
}

function fault(message: string, field?: string, re?: Re): Decoded {
  return { fault: { message, ...(field !== undefined && { field }), ...(re && { re }) } };
}

/** The two packets that every message takes, if nothing is off: as their schemas read them, for less. */
function readUsual(type: unknown, fields: Record<string, unknown>): MsgR | AckR | undefined {
  const { id, to, from, body, seq } = fields;
  if (!isMessageId(id)) return undefined;
  if (type === 'ack:R') return isUserId(from) ? { type, id, from } : undefined;
  if (type !== 'msg:R' || !isUserId(to) || body === undefined || hasMore(fields)) return undefined;
  if (seq === undefined) return { type, id, to, body: body as Json };
  return isSeq(seq) ? { type, id, to, body: body as Json, seq } : undefined;
}

/** Fields that few messages have. */
const hasMore = ({ thread, ttl, read }: Record<string, unknown>) =>
  thread !== undefined || ttl !== undefined || read !== undefined;

/**
 * Reads one text frame of a client (PROTOCOL: packets, client to server).
 * Unknown fields are ignored; everything else that is off is a fault.
 */
export function decode(text: string): Decoded {
  const json = parse(text);
  if (json === undefined) return fault('the frame is not JSON');
  const fields = fieldsOf(json);
  return fields ? read(fields['type'], fields, text) : fault('a packet is a JSON object');
}

/**
 * Reads a message as HTTP has it: the fields of a `msg:R` without its `type`, and who sends it (PROTOCOL: the same over
 * HTTP).
 */
export function decodeMessage(text: string): DecodedMessage {
  const json = parse(text);
  if (json === undefined) return { fault: { message: 'this is not JSON' } };
  const fields = fieldsOf(json);
  if (!fields) return { fault: { message: 'a message is a JSON object' } };
  const { packet, fault: why } = read('msg:R', fields, text);
  if (packet?.type === 'msg:R') return { packet, from: fields['from'] };
  const id = MessageId.safeParse(fields['id']);
  const re = { type: 'msg:R', ...(id.success && { id: id.data }) };
  return { fault: { message: 'this is no message', ...why, re } };
}

/** `from`: what stands there, not checked yet. */
export type DecodedMessage = { packet: ReadMsgR; from: unknown; fault?: never } | { fault: Fault };

/** @returns undefined when it is not JSON */
function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const fieldsOf = (json: unknown): Record<string, unknown> | undefined =>
  typeof json === 'object' && json !== null && !Array.isArray(json)
    ? (json as Record<string, unknown>)
    : undefined;

function read(type: unknown, fields: Record<string, unknown>, text: string): Decoded {
  const usual = readUsual(type, fields);
  if (usual) return readBody(usual, fields, text);
  if (typeof type !== 'string' || !Object.hasOwn(CLIENT_PACKETS, type))
    return fault('type: is not one that a client may send', 'type', readRe(fields));
  const checked = CLIENT_PACKETS[type as ClientType].safeParse({ ...fields, type });
  if (!checked.success) {
    const issue = checked.error.issues[0];
    const field = String(issue?.path[0] ?? 'packet');
    return fault(`${field}: ${issue?.message ?? 'is off'}`, field, readRe(fields));
  }
  return readBody(checked.data, fields, text);
}

/** A body is looked through, and kept as it was written. */
function readBody(
  packet: z.output<(typeof CLIENT_PACKETS)[ClientType]>,
  fields: Record<string, unknown>,
  text: string,
): Decoded {
  if (packet.type !== 'msg:R' && packet.type !== 'signal:R') return { packet };
  const { body, ...rest } = packet;
  const why = bodyFault(body);
  if (why !== undefined) return fault(`body: ${why}`, 'body', readRe(fields));
  return { packet: { ...rest, bodyText: memberText(text, 'body') ?? 'null' } };
}
