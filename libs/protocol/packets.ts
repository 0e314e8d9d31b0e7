/**
 * The packets as types, written out: the published client must not make its users install what the schemas need.
 * packets.test.ts holds them equal to the schemas in client-packets.ts and server-packets.ts.
 */

/** Any JSON value. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** What this gateway holds the session to. */
export interface Limits {
  /** Largest packet the client may send, bytes of UTF-8. */
  maxPacketBytes: number;
  /** Most msg:R without their msg:A. */
  sendWindow: number;
  /** Most msg:N without their ack:R. */
  receiveWindow: number;
  /** How long a msg:N may stay unanswered before it goes to the mailbox, milliseconds. */
  ackTimeoutMs: number;
  /** Packets a second. */
  ratePerS: number;
}

export interface LoginA {
  type: 'login:A';
  user: string;
  device: string;
  session: string;
  at: number;
  limits: Limits;
}

interface Message {
  id: string;
  from: string;
  body: Json;
  at: number;
  seq?: number | undefined;
}

export interface MsgN extends Message {
  type: 'msg:N';
}

interface Receipt {
  id: string;
  to: string;
  state: 'delivered' | 'stored' | 'rejected';
  at: number;
  reason?: 'mailbox_full' | 'expired' | undefined;
}

export interface OfflineN {
  type: 'offline:N';
  messages: (Message & { key: string })[];
  receipts: (Receipt & { key: string })[];
  more: boolean;
}

export interface ErrorPacket {
  type: 'error';
  code: string;
  message: string;
  re?: { type: string; id?: string | undefined; from?: string | undefined } | undefined;
}

/** Every packet that a gateway may send. */
export type ServerPacket =
  | LoginA
  | { type: 'msg:A'; id: string; at: number }
  | MsgN
  | { type: 'ack:A'; id: string; from: string }
  | ({ type: 'ack:N' } & Receipt)
  | OfflineN
  | { type: 'pong' }
  | { type: 'bye'; reason: 'draining' | 'replaced'; reconnectAfterMs?: number | undefined }
  | ErrorPacket;

/** Every packet that a client may send; fields with a default may be left out. */
export type ClientPacket =
  | { type: 'login:R'; token: string; device?: string | undefined }
  | { type: 'msg:R'; id: string; to: string; body: Json; seq?: number | undefined }
  | { type: 'ack:R'; id: string; from: string }
  | { type: 'offline:R'; limit?: number | undefined }
  | { type: 'offline:A'; keys: string[] }
  | { type: 'ping' };
