import type { ClientPacket } from '../protocol/packets.ts';
import type { OutgoingFields } from './outgoing/outgoing.ts';

/** PROTOCOL: names and types. */
const USER = /^[\w.:@-]{1,128}$/;
const NAMES = {
  ...{ to: USER, from: USER, thread: USER },
  device: /^[\w.:@-]{1,64}$/,
  id: /^[\w-]{1,64}$/,
};
const MAX_TTL_S = 2_592_000;
const MAX_BODY_DEPTH = 100;

/** UTF-8 takes at most this many bytes for one UTF-16 unit. */
const MAX_BYTES_PER_UNIT = 3;

const utf8 = new TextEncoder();

/** @throws TypeError for a value that the server refuses: after five refusals it closes the connection */
export function checkNames(
  fields: {
    readonly to?: string | readonly string[];
    readonly seq?: number | undefined;
    readonly ttl?: number | undefined;
  } & Readonly<Partial<Record<'id' | 'from' | 'device' | 'thread', string | undefined>>>,
): void {
  for (const [name, pattern] of Object.entries(NAMES)) {
    const value = fields[name as keyof typeof NAMES];
    for (const text of Array.isArray(value) ? (value as unknown[]) : [value]) {
      if (text !== undefined && !(typeof text === 'string' && pattern.test(text))) {
        throw new TypeError(`${name}: must match ${pattern.source}`);
      }
    }
  }
  const { to, seq = 0, ttl = 1 } = fields;
  if (Array.isArray(to) && !(to.length > 0 && new Set(to).size === to.length)) {
    throw new TypeError('to: must name one or more different users');
  }
  if (!(Number.isSafeInteger(seq) && seq >= 0)) throw new TypeError('seq: must be an integer >= 0');
  if (!(Number.isInteger(ttl) && ttl > 0 && ttl <= MAX_TTL_S)) {
    throw new TypeError(`ttl: must be an integer from 1 to ${MAX_TTL_S}`);
  }
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

/** The msg:R packet. The body is JSON already. */
export function msgR({ id, to, bodyText, seq, thread, ttl, read }: OutgoingFields): string {
  const fields = JSON.stringify({ type: 'msg:R', id, to, seq, thread, ttl, read });
  return `${fields.slice(0, -1)},"body":${bodyText}}`;
}

export const packetText = (packet: ClientPacket): string => JSON.stringify(packet);

/** Is a packet within `limits.maxPacketBytes`? Counts bytes only where the length does not tell. */
export function fits(text: string, maxBytes: number): boolean {
  return text.length * MAX_BYTES_PER_UNIT <= maxBytes || utf8.encode(text).length <= maxBytes;
}
