import { CODES } from '#libs/protocol/codes.ts';
import { SERVER_PACKETS, type ServerType } from '#libs/protocol/server-packets.ts';
import type { Wire } from './wire.ts';

/** What a gateway may answer before there is a WebSocket, and to requests under /v1. No other 5xx than 503, and 505 of Node. */
const STATUSES = new Set([
  ...[100, 101, 200, 202, 204, 400, 401, 403, 404, 405, 408, 413, 415, 417, 426, 429, 431, 503, 505],
]);

/** Close codes of WebSocket's own that may be sent (RFC 6455, 7.4); those of the client come back to it. */
const isCloseCode = (code: number) =>
  (code >= 1000 && code <= 1014 && code !== 1004 && code !== 1006) || (code >= 3000 && code <= 4999);

/** Why an answer of the server is invalid; undefined when it is valid. */
export function faultIn({ fault, statuses, packets, closeCode }: Wire): string | undefined {
  if (fault !== undefined) return fault;
  for (const status of statuses) if (!STATUSES.has(status)) return `HTTP ${status}`;
  if (closeCode !== undefined && !isCloseCode(closeCode)) return `close ${closeCode}`;
  return packets.map(packetFault).find((one) => one !== undefined);
}

/** Why a text is no packet that a server may send; undefined when it is one. */
export function packetFault(text: string): string | undefined {
  try {
    const packet = JSON.parse(text) as { type?: unknown; code?: unknown };
    if (typeof packet.type !== 'string' || !Object.hasOwn(SERVER_PACKETS, packet.type))
      return `unknown packet ${text}`;
    const { error } = SERVER_PACKETS[packet.type as ServerType].strict().safeParse(packet);
    if (error) return `an invalid packet: ${error.message} ${text}`;
    if (packet.type === 'error' && !Object.hasOwn(CODES, String(packet.code))) return `unknown code ${text}`;
    return undefined;
  } catch {
    return `a packet that is not JSON: ${text}`;
  }
}
