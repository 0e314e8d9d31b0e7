import { z } from 'zod';
import { MsgR, OfflineA, OfflineR, ReadR } from './client-packets.ts';
import { MAX_PRESENCE_USERS } from './limits.ts';
import { At, DeviceId, MessageId, UserId } from './names.ts';
import { ErrorPacket, MsgA, OfflineN } from './server-packets.ts';

/** The bodies and answers of the HTTP API, as schemas (PROTOCOL: the same over HTTP). They follow the packets. */

const from = UserId.optional().meta({ description: 'The sender; needed with a service token.' });
const user = UserId.optional().meta({ description: 'The acting user; needed with a service token.' });
const device = DeviceId.optional().meta({
  description: 'A synced device; without it: the mailbox of the user.',
});

/** A message to send: msg:R. */
export const HttpMessage = MsgR.omit({ type: true }).extend({ from });

/** The message is durably accepted: msg:A. */
export const HttpAccepted = MsgA.omit({ type: true });

/** The answer to one line of a batch. */
export const HttpLineResult = z.union([
  HttpAccepted,
  z.object({ id: MessageId.optional(), error: ErrorPacket.omit({ type: true }) }),
]);

/** Which page of which mailbox. */
export const HttpMailboxQuery = z.object({ limit: OfflineR.shape.limit, user, device });

/** A page of a mailbox: offline:N. */
export const HttpMailboxPage = OfflineN.omit({ type: true });

/** Mailbox entries to delete: offline:A. */
export const HttpConfirm = OfflineA.omit({ type: true }).extend({ user, device });

/** Messages that the user has seen: read:R. */
export const HttpRead = ReadR.omit({ type: true }).extend({ user });

const usersRule = `must be 1 to ${MAX_PRESENCE_USERS} user ids`;

/** Whose presence is asked for. */
export const HttpPresenceQuestion = z.object({
  users: z
    .array(UserId, { error: usersRule })
    .min(1, { error: usersRule })
    .max(MAX_PRESENCE_USERS, { error: usersRule }),
});

/** Where these users are connected. */
export const HttpPresence = z.object({
  users: z.record(
    UserId,
    z.object({
      online: z.boolean(),
      devices: z.array(z.object({ device: DeviceId, since: At, sync: z.boolean() })),
    }),
  ),
});

/** The synced devices of a user; `since` is their first login. */
export const HttpDevices = z.object({ devices: z.array(z.object({ device: DeviceId, since: At })) });

/** Why a request is refused: the fields of an `error` packet. */
export const HttpProblem = ErrorPacket.omit({ type: true });
