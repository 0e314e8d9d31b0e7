import type { ServerPacket } from '../protocol/packets.ts';

type Fields = Record<string, unknown>;
type Check = (fields: Fields) => boolean;

const isText = (value: unknown): value is string => typeof value === 'string';
const isNumber = (value: unknown): value is number => typeof value === 'number';
const isObject = (value: unknown): value is Fields => typeof value === 'object' && value !== null;
const isListOf = (check: Check) => (value: unknown) =>
  Array.isArray(value) && value.every((item) => isObject(item) && check(item));

const isOptional = (check: (value: unknown) => boolean, value: unknown) =>
  value === undefined || check(value);

const STATES = new Set<unknown>(['stored', 'delivered', 'rejected', 'read']);

const isReceivers = (value: unknown) => isText(value) || (Array.isArray(value) && value.every(isText));
const isMessage: Check = ({ id, from, body, at, seq, thread, read, to }) =>
  isText(id) &&
  isText(from) &&
  body !== undefined &&
  isNumber(at) &&
  isOptional(isNumber, seq) &&
  isOptional(isText, thread) &&
  isOptional(isText, read) &&
  isOptional(isReceivers, to);
const isReceipt: Check = ({ id, to, state, at, reason }) =>
  isText(id) && isText(to) && STATES.has(state) && isNumber(at) && isOptional(isText, reason);
const hasKey: Check = ({ key }) => isText(key);
const isLimits = (value: unknown) =>
  isObject(value) &&
  isNumber(value['maxPacketBytes']) &&
  isNumber(value['sendWindow']) &&
  isNumber(value['ratePerS']) &&
  isOptional(isNumber, value['maxReceivers']);
const isRe = (value: unknown) =>
  isObject(value) &&
  isText(value['type']) &&
  isOptional(isText, value['id']) &&
  isOptional(isText, value['from']) &&
  isOptional((to) => Array.isArray(to) && to.every(isText), value['to']);
const isMissed = (value: unknown) => isObject(value) && hasKey(value) && isNumber(value['count']);

/** What must be right in a packet for the client to use it. What it does not use it does not look at. */
const CHECKS: Record<ServerPacket['type'], Check> = {
  'login:A': ({ user, device, session, at, limits, sync }) =>
    isText(user) &&
    isText(device) &&
    isText(session) &&
    isNumber(at) &&
    isLimits(limits) &&
    isOptional((value) => value === true, sync),
  'msg:A': ({ id, at }) => isText(id) && isNumber(at),
  'msg:N': isMessage,
  'ack:A': ({ id, from }) => isText(id) && isText(from),
  'ack:N': isReceipt,
  'offline:N': ({ messages, receipts, more, missed }) =>
    isListOf((item) => hasKey(item) && isMessage(item))(messages) &&
    isListOf((item) => hasKey(item) && isReceipt(item))(receipts) &&
    typeof more === 'boolean' &&
    isOptional(isMissed, missed),
  'read:A': ({ items }) => isListOf(({ from, id }) => isText(from) && isText(id))(items),
  'signal:N': ({ from, body, at, thread }) =>
    isText(from) && body !== undefined && isNumber(at) && isOptional(isText, thread),
  'logout:A': () => true,
  pong: () => true,
  bye: ({ reason, reconnectAfterMs }) => isText(reason) && isOptional(isNumber, reconnectAfterMs),
  error: ({ code, message, re }) => isText(code) && isText(message) && isOptional(isRe, re),
};

/**
 * Reads a frame from the server, tolerantly: a newer server may send packets and fields that this client does not
 * know, and it ignores them. Written by hand, so that a browser need not load the schemas of libs/protocol.
 *
 * @returns the packet; undefined for a packet of an unknown type; an Error for what is off in a known one
 */
export function readServerPacket(data: unknown): ServerPacket | undefined | Error {
  if (!isText(data)) return new Error('a binary frame');
  let json: unknown;
  try {
    json = JSON.parse(data);
  } catch (cause) {
    return new Error('a frame that is not JSON', { cause });
  }
  if (!isObject(json) || !isText(json['type'])) return new Error('a frame that is not a packet');
  const type = json['type'];
  if (!Object.hasOwn(CHECKS, type)) return undefined;
  const check = CHECKS[type as ServerPacket['type']];
  return check(json) ? (json as ServerPacket) : new Error(`a ${type} with a field missing or off`);
}
