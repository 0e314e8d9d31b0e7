import type { ClientPacket } from '../protocol/packets.ts';
import type { OutgoingFields } from './outgoing/outgoing.ts';

/** PROTOCOL: names and types. */
const USER = /^[A-Za-z0-9._:@-]{1,128}$/;
const DEVICE = /^[A-Za-z0-9._:@-]{1,64}$/;
const MESSAGE_ID = /^[A-Za-z0-9_-]{1,64}$/;
const MAX_BODY_DEPTH = 100;

/** UTF-8 takes at most this many bytes for one UTF-16 unit. */
const MAX_BYTES_PER_UNIT = 3;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const utf8 = new TextEncoder();

/** @throws TypeError for what the server would refuse: five refusals close the connection for good */
export function checkNames(fields: {
  to?: string;
  id?: string;
  device?: string;
  seq?: number | undefined;
}): void {
  const { to, id, device, seq } = fields;
  if (to !== undefined && !USER.test(to))
    throw new TypeError('to: must be 1 to 128 of A-Z a-z 0-9 . _ : @ -');
  if (id !== undefined && !MESSAGE_ID.test(id)) throw new TypeError('id: must be 1 to 64 of A-Z a-z 0-9 _ -');
  if (device !== undefined && !DEVICE.test(device)) {
    throw new TypeError('device: must be 1 to 64 of A-Z a-z 0-9 . _ : @ -');
  }
  if (seq !== undefined && !(Number.isSafeInteger(seq) && seq >= 0)) {
    throw new TypeError('seq: must be an integer >= 0');
  }
}

/** The body as JSON. @throws TypeError when it is no JSON value, or nested deeper than the server takes */
export function bodyToText(body: unknown): string {
  // Undefined for undefined, functions and symbols, whatever the declared type says.
  const text = JSON.stringify(body) as string | undefined;
  if (text === undefined) throw new TypeError('body: must be a JSON value');
  if (text.length > 2 * MAX_BODY_DEPTH && depthOf(text) > MAX_BODY_DEPTH) {
    throw new TypeError(`body: is nested deeper than ${MAX_BODY_DEPTH}`);
  }
  return text;
}

/** How deep arrays and objects are nested in a JSON text. */
function depthOf(text: string): number {
  let depth = 0;
  let deepest = 0;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (unit === QUOTE) {
      for (at++; text.charCodeAt(at) !== QUOTE; at++) if (text.charCodeAt(at) === BACKSLASH) at++;
    } else if (unit === 0x5b || unit === 0x7b) deepest = Math.max(deepest, ++depth);
    else if (unit === 0x5d || unit === 0x7d) depth--;
  }
  return deepest;
}

/** The msg:R packet. Id and user need no escapes (PROTOCOL: names and types), and the body is JSON already. */
export function msgR({ id, to, bodyText, seq }: OutgoingFields): string {
  const counter = seq === undefined ? '' : `,"seq":${seq}`;
  return `{"type":"msg:R","id":"${id}","to":"${to}"${counter},"body":${bodyText}}`;
}

export const packetText = (packet: ClientPacket): string => JSON.stringify(packet);

/** Whether a packet is within `limits.maxPacketBytes`, counting bytes only where it may not be. */
export function fits(text: string, maxBytes: number): boolean {
  return text.length * MAX_BYTES_PER_UNIT <= maxBytes || utf8.encode(text).length <= maxBytes;
}
