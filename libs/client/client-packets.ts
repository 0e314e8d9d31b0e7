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

/** @throws TypeError naming the rule that an argument breaks */
export function demand(isKept: boolean, rule: string): asserts isKept {
  if (!isKept) throw new TypeError(rule);
}

/** @throws TypeError for a value that the server refuses: after five refusals it closes the connection */
export function checkNames(
  fields: {
    readonly to?: string | readonly string[];
    readonly seq?: number | undefined;
    readonly ttl?: number | undefined;
  } & Readonly<Partial<Record<'id' | 'from' | 'device' | 'thread', string | undefined>>>,
): void {
  for (const [name, pattern] of Object.entries(NAMES)) {
    const value: unknown = fields[name as keyof typeof NAMES];
    for (const text of value === undefined ? [] : [value].flat()) {
      demand(typeof text === 'string' && pattern.test(text), `${name}: must match ${pattern.source}`);
    }
  }
  const { to, seq = 0, ttl = 1 } = fields;
  const users = [to].flat();
  demand(users.length > 0 && new Set(users).size === users.length, 'to: must be different users');
  demand(Number.isSafeInteger(seq) && seq >= 0, 'seq: must be an integer >= 0');
  demand(
    Number.isInteger(ttl) && ttl > 0 && ttl <= MAX_TTL_S,
    `ttl: must be an integer from 1 to ${MAX_TTL_S}`,
  );
}

/** The body as JSON. @throws TypeError for a value that is not JSON, or is nested deeper than the server takes */
export function bodyToText(body: unknown): string {
  // Undefined for undefined, functions and symbols, whatever the declared type says.
  const text = JSON.stringify(body) as string | undefined;
  demand(text !== undefined, 'body: must be a JSON value');
  const mayBeDeep = text.length > 2 * MAX_BODY_DEPTH;
  demand(
    !mayBeDeep || !isDeeper(JSON.parse(text), MAX_BODY_DEPTH),
    `body: is nested deeper than ${MAX_BODY_DEPTH}`,
  );
  return text;
}

/** Are arrays and objects nested in more than `levels` levels? */
function isDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return levels === 0 || Object.values(value).some((item) => isDeeper(item, levels - 1));
}

/** The packet with a body, which is JSON already. */
export const withBody = (packet: object, bodyText: string): string =>
  `${JSON.stringify(packet).slice(0, -1)},"body":${bodyText}}`;

/** The msg:R packet. */
export const msgR = ({ id, to, bodyText, seq, thread, ttl, read }: OutgoingFields): string =>
  withBody({ type: 'msg:R', id, to, seq, thread, ttl, read }, bodyText);

export const packetText = (packet: ClientPacket): string => JSON.stringify(packet);

/** Is a packet within `limits.maxPacketBytes`? Counts bytes only where the length does not tell. */
export function fits(text: string, maxBytes: number): boolean {
  return text.length * MAX_BYTES_PER_UNIT <= maxBytes || utf8.encode(text).length <= maxBytes;
}
