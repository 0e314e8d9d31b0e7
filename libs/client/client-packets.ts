import type { ClientPacket } from '../protocol/packets.ts';
import type { OutgoingFields } from './outgoing/outgoing.ts';

/** PROTOCOL: names and types. */
const NAMES = {
  to: /^[\w.:@-]{1,128}$/,
  device: /^[\w.:@-]{1,64}$/,
  id: /^[\w-]{1,64}$/,
};
const MAX_BODY_DEPTH = 100;

/** UTF-8 takes at most this many bytes for one UTF-16 unit. */
const MAX_BYTES_PER_UNIT = 3;

const utf8 = new TextEncoder();

/** @throws TypeError for a value that the server refuses: after five refusals it closes the connection */
export function checkNames(fields: {
  to?: string;
  id?: string;
  device?: string | undefined;
  seq?: number | undefined;
}): void {
  for (const name of ['to', 'device', 'id'] as const) {
    const value = fields[name];
    if (value !== undefined && !NAMES[name].test(value)) {
      throw new TypeError(`${name}: must match ${NAMES[name].source}`);
    }
  }
  const { seq = 0 } = fields;
  if (!(Number.isSafeInteger(seq) && seq >= 0)) throw new TypeError('seq: must be an integer >= 0');
}

/** The body as JSON. @throws TypeError for a value that is not JSON, or is nested deeper than the server takes */
export function bodyToText(body: unknown): string {
  // Undefined for undefined, functions and symbols, whatever the declared type says.
  const text = JSON.stringify(body) as string | undefined;
  if (text === undefined) throw new TypeError('body: must be a JSON value');
  if (text.length > 2 * MAX_BODY_DEPTH && isDeeper(JSON.parse(text), MAX_BODY_DEPTH)) {
    throw new TypeError(`body: is nested deeper than ${MAX_BODY_DEPTH}`);
  }
  return text;
}

/** Are arrays and objects nested in more than `levels` levels? */
function isDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return levels === 0 || Object.values(value).some((item) => isDeeper(item, levels - 1));
}

/** The msg:R packet. Id and user need no escapes (PROTOCOL: names and types), and the body is JSON already. */
export function msgR({ id, to, bodyText, seq }: OutgoingFields): string {
  const counter = seq === undefined ? '' : `,"seq":${seq}`;
  return `{"type":"msg:R","id":"${id}","to":"${to}"${counter},"body":${bodyText}}`;
}

export const packetText = (packet: ClientPacket): string => JSON.stringify(packet);

/** Is a packet within `limits.maxPacketBytes`? Counts bytes only where the length does not tell. */
export function fits(text: string, maxBytes: number): boolean {
  return text.length * MAX_BYTES_PER_UNIT <= maxBytes || utf8.encode(text).length <= maxBytes;
}
