import type { ServerPacket } from '../protocol/packets.ts';
import { type Check, list, number, object, optional, type Shape, text } from './shapes.ts';

const anything: Check = (value) => value !== undefined;
const yes: Check = (value) => value === true;
const message: Shape = {
  ...{ id: text, from: text, body: anything, at: number, seq: optional(number) },
  ...{ thread: optional(text), read: optional(text) },
  to: optional((value) => text(value) || list(text)(value)),
};
const receipt: Shape = {
  ...{ id: text, to: text, at: number, reason: optional(text) },
  state: (value) => ['stored', 'delivered', 'rejected', 'read'].includes(value as string),
};
const limits = object({
  ...{ maxPacketBytes: number, sendWindow: number, ratePerS: number },
  maxReceivers: optional(number),
});

/** The fields that the client uses. It does not check the others. */
const CHECKS: Record<ServerPacket['type'], Check> = {
  'login:A': object({
    ...{ user: text, device: text, session: text, at: number, limits },
    sync: optional(yes),
  }),
  'msg:A': object({ id: text, at: number }),
  'msg:N': object(message),
  'ack:A': object({ id: text, from: text }),
  'ack:N': object(receipt),
  'offline:N': object({
    messages: list(object({ ...message, key: text })),
    receipts: list(object({ ...receipt, key: text })),
    more: (value) => typeof value === 'boolean',
    missed: optional(object({ key: text, count: number })),
  }),
  'read:A': object({ items: list(object({ from: text, id: text })) }),
  'signal:N': object({ from: text, body: anything, at: number, thread: optional(text) }),
  'logout:A': object({}),
  pong: object({}),
  bye: object({ reason: text, reconnectAfterMs: optional(number) }),
  error: object({
    ...{ code: text, message: text },
    re: optional(object({ type: text, id: optional(text), from: optional(text), to: optional(list(text)) })),
  }),
};

const isPacket = object({ type: text });

/**
 * Reads a frame from the server. A newer server may send packets and fields that this client does not know: it ignores
 * them. Written by hand, so that a browser does not load the schemas of libs/protocol.
 *
 * @returns the packet; undefined for a packet of an unknown type; an Error for an invalid packet
 */
export function readServerPacket(data: unknown): ServerPacket | undefined | Error {
  let packet: unknown;
  let cause: unknown;
  try {
    if (text(data)) packet = JSON.parse(data as string);
  } catch (error) {
    cause = error;
  }
  if (!isPacket(packet)) return new Error('a frame that is not a packet', { cause });
  const { type } = packet as ServerPacket;
  if (!Object.hasOwn(CHECKS, type)) return undefined;
  return CHECKS[type](packet) ? (packet as ServerPacket) : new Error(`an invalid ${type}`);
}
