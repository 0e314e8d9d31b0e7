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
  /** Most receivers of one packet. A server without lists does not say it. */
  maxReceivers?: number | undefined;
}

export interface LoginA {
  type: 'login:A';
  user: string;
  device: string;
  session: string;
  at: number;
  limits: Limits;
  /** The device is a synced one. */
  sync?: true | undefined;
}

interface Message {
  id: string;
  from: string;
  body: Json;
  at: number;
  seq?: number | undefined;
  thread?: string | undefined;
  /** The proof for read:R, where the sender asked for a read receipt. */
  read?: string | undefined;
  /** Whom it was for, as sent: only with what another device of this user sent. */
  to?: string | string[] | undefined;
}

export interface MsgN extends Message {
  type: 'msg:N';
}

interface Receipt {
  id: string;
  to: string;
  state: 'delivered' | 'stored' | 'rejected' | 'read';
  at: number;
  reason?: 'mailbox_full' | 'expired' | undefined;
}

export interface OfflineN {
  type: 'offline:N';
  messages: (Message & { key: string })[];
  receipts: (Receipt & { key: string })[];
  more: boolean;
  /** Copies that this device did not get while their messages live on elsewhere; confirmed by its key. */
  missed?: { key: string; count: number } | undefined;
}

export interface ErrorPacket {
  type: 'error';
  code: string;
  message: string;
  re?:
    | {
        type: string;
        id?: string | undefined;
        from?: string | undefined;
        /** Those of a list that `forbidden` is about. */
        to?: string[] | undefined;
      }
    | undefined;
}

/** Every packet that a gateway may send. */
export type ServerPacket =
  | LoginA
  | { type: 'msg:A'; id: string; at: number }
  | MsgN
  | { type: 'ack:A'; id: string; from: string }
  | ({ type: 'ack:N' } & Receipt)
  | OfflineN
  | { type: 'read:A'; items: { from: string; id: string }[] }
  | { type: 'signal:N'; from: string; body: Json; at: number; thread?: string | undefined }
  | { type: 'logout:A' }
  | { type: 'pong' }
  | { type: 'bye'; reason: 'draining' | 'replaced' | 'revoked'; reconnectAfterMs?: number | undefined }
  | ErrorPacket;

/** Every packet that a client may send; fields with a default may be left out. */
export type ClientPacket =
  | { type: 'login:R'; token: string; device?: string | undefined; sync?: boolean | undefined }
  | {
      type: 'msg:R';
      id: string;
      to: string | string[];
      body: Json;
      seq?: number | undefined;
      thread?: string | undefined;
      /** Seconds. */
      ttl?: number | undefined;
      /** Asks for a read receipt. */
      read?: true | undefined;
    }
  | { type: 'ack:R'; id: string; from: string }
  | { type: 'offline:R'; limit?: number | undefined }
  | { type: 'offline:A'; keys: string[] }
  | { type: 'read:R'; items: { from: string; id: string; read: string }[] }
  | { type: 'signal:R'; to: string | string[]; body: Json; thread?: string | undefined }
  | { type: 'logout:R' }
  | { type: 'ping' };
