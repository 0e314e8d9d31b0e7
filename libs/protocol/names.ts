import { z } from 'zod';
import { MAX_PROOF_LENGTH, MAX_RECEIVERS_CEILING, MAX_TTL_S } from './limits.ts';

/** Longest names, in characters. */
export const MAX_USER_LENGTH = 128;
export const MAX_DEVICE_LENGTH = 64;
export const MAX_ID_LENGTH = 64;

const USER = new RegExp(`^[A-Za-z0-9._:@-]{1,${MAX_USER_LENGTH}}$`);
const DEVICE = new RegExp(`^[A-Za-z0-9._:@-]{1,${MAX_DEVICE_LENGTH}}$`);
const ID = new RegExp(`^[A-Za-z0-9_-]{1,${MAX_ID_LENGTH}}$`);

function name(pattern: RegExp, what: string) {
  return z.string({ error: () => `must be ${what}` }).regex(pattern, { error: `must be ${what}` });
}

/** A user id: `from`, `to`, `user` and the token's `sub`. */
export const UserId = name(USER, `a string of 1 to ${MAX_USER_LENGTH} of A-Z a-z 0-9 . _ : @ -`);

/** A device id. One user may be connected with several devices at a time, each once. */
export const DeviceId = name(DEVICE, `a string of 1 to ${MAX_DEVICE_LENGTH} of A-Z a-z 0-9 . _ : @ -`);

/** The device of a `login:R` that names none. */
export const DEFAULT_DEVICE = 'default';

/** A message id, chosen by the sender. A message is named by the pair (`from`, `id`). */
export const MessageId = name(ID, `a string of 1 to ${MAX_ID_LENGTH} of A-Z a-z 0-9 _ -`);

const receiversRule = `must be a user id, or an array of distinct user ids, at most ${MAX_RECEIVERS_CEILING}`;
const areDistinct = (users: readonly string[]) => new Set(users).size === users.length;

/** Whom a packet is for: one user or several. The gateway's `MAX_RECEIVERS` bounds the array further. */
export const Receivers = z.union(
  [UserId, z.array(UserId).min(1).max(MAX_RECEIVERS_CEILING).refine(areDistinct)],
  { error: receiversRule },
);
export type Receivers = z.infer<typeof Receivers>;

/** Names a conversation: a group, a topic. Opaque to the server. */
export const Thread = name(USER, `a string of 1 to ${MAX_USER_LENGTH} of A-Z a-z 0-9 . _ : @ -`);

const ttlRule = `must be an integer from 1 to ${MAX_TTL_S}`;

/** How long a message is of use, seconds after its first `at`. */
export const Ttl = z.int({ error: ttlRule }).min(1, { error: ttlRule }).max(MAX_TTL_S, { error: ttlRule });

const proofRule = `must be a string of at most ${MAX_PROOF_LENGTH} characters`;

/** Proves that a message was handed to a user; opaque to clients. */
export const Proof = z.string({ error: proofRule }).max(MAX_PROOF_LENGTH, { error: proofRule });

/** The sender's own counter, echoed with the message. */
export const Seq = z.int({ error: 'must be an integer >= 0' }).min(0, { error: 'must be an integer >= 0' });

/** Milliseconds since the Unix epoch on the server's clock. */
export const At = z.int();

/**
 * What became of a message. States only move forward: `stored`, then `delivered`, then `read`; `rejected` follows
 * none or `stored`.
 */
export const DeliveryState = z.enum(['delivered', 'stored', 'rejected', 'read']);
export type DeliveryState = z.infer<typeof DeliveryState>;

/** Why a message was rejected. */
export const RejectReason = z.enum(['mailbox_full', 'expired']);
export type RejectReason = z.infer<typeof RejectReason>;

/** The same rules without their schemas, for the packets and entries that every message takes. */
export const isUserId = (value: unknown): value is string => typeof value === 'string' && USER.test(value);
export const isMessageId = (value: unknown): value is string => typeof value === 'string' && ID.test(value);
export const isAt = (value: unknown): value is number => Number.isSafeInteger(value);
export const isSeq = (value: unknown): value is number => isAt(value) && value >= 0;

/** Identifies a message in a map or set. User ids and message ids hold no space, so that keys are unambiguous. */
export const messageKey = ({ from, id, to }: { from: string; id: string; to: string }) =>
  `${to} ${from} ${id}`;
