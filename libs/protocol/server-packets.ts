import { z } from 'zod';
import { Body } from './json.ts';
import {
  At,
  DeliveryState,
  DeviceId,
  MessageId,
  Proof,
  Receivers,
  RejectReason,
  Seq,
  Thread,
  UserId,
} from './names.ts';

/** The packets that a gateway sends, as schemas; the types are inferred. */

/** What this gateway holds the session to; told at login so that a client need not guess. */
export const Limits = z.object({
  /** Largest packet the client may send, bytes of UTF-8. */
  maxPacketBytes: z.int(),
  /** Most msg:R without their msg:A. */
  sendWindow: z.int(),
  /** Most msg:N without their ack:R. */
  receiveWindow: z.int(),
  /** How long a msg:N may stay unanswered before it goes to the mailbox, milliseconds. */
  ackTimeoutMs: z.int(),
  /** Packets a second. */
  ratePerS: z.number(),
  /** Most receivers of one packet. A server without lists does not say it. */
  maxReceivers: z.int().optional(),
});

/** You are reachable from now on. */
export const LoginA = z.object({
  type: z.literal('login:A'),
  user: UserId,
  device: DeviceId,
  session: z.string(),
  at: At,
  limits: Limits,
  /** The device is a synced one. */
  sync: z.literal(true).optional(),
});

/** The message is durably accepted: from here on the server alone is responsible for it. */
export const MsgA = z.object({ type: z.literal('msg:A'), id: MessageId, at: At });

/** A message for you; answer with ack:R. */
export const MsgN = z.object({
  type: z.literal('msg:N'),
  id: MessageId,
  from: UserId,
  body: Body,
  at: At,
  seq: Seq.optional(),
  thread: Thread.optional(),
  /** The proof for read:R, where the sender asked for a read receipt. */
  read: Proof.optional(),
  /** Whom it was for, as sent: only with what another device of this user sent. */
  to: Receivers.optional(),
});

/** Your confirmation is durably accepted. */
export const AckA = z.object({ type: z.literal('ack:A'), id: MessageId, from: UserId });

const receipt = {
  id: MessageId,
  to: UserId,
  state: DeliveryState,
  at: At,
  reason: RejectReason.optional(),
};

/** What became of your message. */
export const AckN = z.object({ type: z.literal('ack:N'), ...receipt });

/** Names one mailbox entry; opaque to the client. */
const key = z.string();

/** Mailbox entries, oldest first; or, unasked with empty lists, the hint that something was stored. */
export const OfflineN = z.object({
  type: z.literal('offline:N'),
  messages: z.array(MsgN.omit({ type: true }).extend({ key })),
  receipts: z.array(z.object({ key, ...receipt })),
  more: z.boolean(),
  /** Copies that this device did not get while their messages live on elsewhere; confirmed by its key. */
  missed: z.object({ key, count: z.int() }).optional(),
});

/** Durably accepted: the same items, also those whose proof is not right. */
export const ReadA = z.object({
  type: z.literal('read:A'),
  items: z.array(z.object({ from: UserId, id: MessageId })),
});

/** Typing and the like, from another user. */
export const SignalN = z.object({
  type: z.literal('signal:N'),
  from: UserId,
  body: Body,
  at: At,
  thread: Thread.optional(),
});

/** The device is no longer a synced one; the socket closes after it. */
export const LogoutA = z.object({ type: z.literal('logout:A') });

export const Pong = z.object({ type: z.literal('pong') });

/** The gateway is going away, or you must leave; the socket closes after it. */
export const Bye = z.object({
  type: z.literal('bye'),
  reason: z.enum(['draining', 'replaced', 'revoked']),
  reconnectAfterMs: z.int().optional(),
});

/** The request was not accepted; `re` names it. */
export const ErrorPacket = z.object({
  type: z.literal('error'),
  code: z.string(),
  message: z.string(),
  re: z
    .object({
      type: z.string(),
      id: z.string().optional(),
      from: z.string().optional(),
      /** Those of a list that `forbidden` is about. */
      to: z.array(z.string()).optional(),
    })
    .optional(),
});

/** Every packet that a gateway may send, by its type. */
export const SERVER_PACKETS = {
  'login:A': LoginA,
  'msg:A': MsgA,
  'msg:N': MsgN,
  'ack:A': AckA,
  'ack:N': AckN,
  'offline:N': OfflineN,
  'read:A': ReadA,
  'signal:N': SignalN,
  'logout:A': LogoutA,
  pong: Pong,
  bye: Bye,
  error: ErrorPacket,
} as const;

export type ServerType = keyof typeof SERVER_PACKETS;
export type Limits = z.infer<typeof Limits>;
export type LoginA = z.infer<typeof LoginA>;
export type MsgA = z.infer<typeof MsgA>;
export type MsgN = z.infer<typeof MsgN>;
export type AckA = z.infer<typeof AckA>;
export type AckN = z.infer<typeof AckN>;
export type OfflineN = z.infer<typeof OfflineN>;
export type OfflineMessage = OfflineN['messages'][number];
export type OfflineReceipt = OfflineN['receipts'][number];
export type Bye = z.infer<typeof Bye>;
export type ErrorPacket = z.infer<typeof ErrorPacket>;
export type ServerPacket = z.infer<(typeof SERVER_PACKETS)[ServerType]>;
