import { z } from 'zod';
import { Body } from './json.ts';
import { DEFAULT_PULL, MAX_KEY_LENGTH, MAX_PULL, MAX_READ_ITEMS } from './limits.ts';
import { DEFAULT_DEVICE, DeviceId, MessageId, Proof, Receivers, Seq, Thread, Ttl, UserId } from './names.ts';

/**
 * The packets that a client sends, as schemas; the types are inferred.
 * Unknown fields are ignored, so that a newer client can talk to an older gateway.
 */

/** First packet of a connection; sent again on a live session, it renews the expiry. */
export const LoginR = z.object({
  type: z.literal('login:R'),
  token: z.string({ error: 'must be a string' }),
  device: DeviceId.default(DEFAULT_DEVICE),
  /** Makes the device a synced one. */
  sync: z.boolean({ error: 'must be true or false' }).optional(),
});

/** Deliver `body` to `to`. */
export const MsgR = z.object({
  type: z.literal('msg:R'),
  id: MessageId,
  to: Receivers,
  body: Body,
  seq: Seq.optional(),
  thread: Thread.optional(),
  ttl: Ttl.optional(),
  /** Asks for a read receipt. */
  read: z.literal(true, { error: 'must be true' }).optional(),
});

/** The application on this device has the message (`from`, `id`), which came as msg:N on this session. */
export const AckR = z.object({ type: z.literal('ack:R'), id: MessageId, from: UserId });

const limitRule = `must be an integer from 1 to ${MAX_PULL}`;

/** Send me what is in my mailbox. */
export const OfflineR = z.object({
  type: z.literal('offline:R'),
  limit: z
    .int({ error: limitRule })
    .min(1, { error: limitRule })
    .max(MAX_PULL, { error: limitRule })
    .default(DEFAULT_PULL),
});

const keysRule = `must be 1 to ${MAX_PULL} strings of 1 to ${MAX_KEY_LENGTH} characters`;

/** I have these mailbox entries, delete them. */
export const OfflineA = z.object({
  type: z.literal('offline:A'),
  keys: z
    .array(
      z.string({ error: keysRule }).min(1, { error: keysRule }).max(MAX_KEY_LENGTH, { error: keysRule }),
      {
        error: keysRule,
      },
    )
    .min(1, { error: keysRule })
    .max(MAX_PULL, { error: keysRule }),
});

const itemsRule = `must be 1 to ${MAX_READ_ITEMS} objects with from, id and read`;

/** The user has seen these messages. */
export const ReadR = z.object({
  type: z.literal('read:R'),
  items: z
    .array(z.object({ from: UserId, id: MessageId, read: Proof }, { error: itemsRule }), { error: itemsRule })
    .min(1, { error: itemsRule })
    .max(MAX_READ_ITEMS, { error: itemsRule }),
});

/** Typing and the like: to the sessions that the receivers have at this moment, or to nobody. */
export const SignalR = z.object({
  type: z.literal('signal:R'),
  to: Receivers,
  body: Body,
  thread: Thread.optional(),
});

/** This device is no longer a synced one; its mailbox goes with it. */
export const LogoutR = z.object({ type: z.literal('logout:R') });

export const Ping = z.object({ type: z.literal('ping') });

/** Every packet that a client may send, by its type. */
export const CLIENT_PACKETS = {
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

export type ClientType = keyof typeof CLIENT_PACKETS;

/** As the gateway reads them: defaults filled in. */
export type LoginR = z.infer<typeof LoginR>;
export type MsgR = z.infer<typeof MsgR>;
export type AckR = z.infer<typeof AckR>;
export type OfflineR = z.infer<typeof OfflineR>;
export type OfflineA = z.infer<typeof OfflineA>;
export type ReadR = z.infer<typeof ReadR>;
export type SignalR = z.infer<typeof SignalR>;
export type LogoutR = z.infer<typeof LogoutR>;
export type Ping = z.infer<typeof Ping>;

/** As a client writes them: fields with a default may be left out. */
export type ClientPacket = z.input<(typeof CLIENT_PACKETS)[ClientType]>;
