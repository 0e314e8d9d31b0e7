import { AckR, LoginR, LogoutR, MsgR, OfflineA, OfflineR, Ping, ReadR, SignalR } from './client-packets.ts';

/**
 * The part of the protocol that gateways serve. The schemas say all of it; what has no handler yet is taken out here, so
 * that a client sees nothing of it: the packet is of an unknown type, the field is ignored. Whoever adds a handler
 * takes its line out, and this file goes with the last one.
 */

export const SERVED_PACKETS = {
  'login:R': LoginR,
  'msg:R': MsgR,
  'ack:R': AckR,
  'offline:R': OfflineR,
  'offline:A': OfflineA,
  'read:R': ReadR,
  'signal:R': SignalR,
  'logout:R': LogoutR,
  ping: Ping,
} as const;

export type ServedType = keyof typeof SERVED_PACKETS;

/** What no gateway sends yet, for the test of the documentation: `<packet>`, or `<packet>.<field>`. */
export const NOT_SENT: ReadonlySet<string> = new Set();

/** Codes that no gateway gives yet. */
export const NOT_GIVEN: ReadonlySet<string> = new Set();
