import { z } from 'zod';
import { Body } from './json.ts';
import { DEFAULT_PULL, MAX_KEY_LENGTH, MAX_PULL } from './limits.ts';
import { DEFAULT_DEVICE, DeviceId, MessageId, Seq, UserId } from './names.ts';

/**
 * The packets that a client sends, as schemas; the types are inferred.
 * Unknown fields are ignored, so that a newer client can talk to an older gateway.
 */

/** First packet of a connection; sent again on a live session, it renews the expiry. */
export const LoginR = z.object({
  type: z.literal('login:R'),
  token: z.string({ error: 'must be a string' }),
  device: DeviceId.default(DEFAULT_DEVICE),
});

/** Deliver `body` to `to`. */
export const MsgR = z.object({
  type: z.literal('msg:R'),
  id: MessageId,
  to: UserId,
  body: Body,
  seq: Seq.optional(),
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

export const Ping = z.object({ type: z.literal('ping') });

/** Every packet that a client may send, by its type. */
export const CLIENT_PACKETS = {
  'login:R': LoginR,
  'msg:R': MsgR,
  'ack:R': AckR,
  'offline:R': OfflineR,
  'offline:A': OfflineA,
  ping: Ping,
} as const;

export type ClientType = keyof typeof CLIENT_PACKETS;

/** As the gateway reads them: defaults filled in. */
export type LoginR = z.infer<typeof LoginR>;
export type MsgR = z.infer<typeof MsgR>;
export type AckR = z.infer<typeof AckR>;
export type OfflineR = z.infer<typeof OfflineR>;
export type OfflineA = z.infer<typeof OfflineA>;
export type Ping = z.infer<typeof Ping>;

/** As a client writes them: fields with a default may be left out. */
export type ClientPacket = z.input<(typeof CLIENT_PACKETS)[ClientType]>;
