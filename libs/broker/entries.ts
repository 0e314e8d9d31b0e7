import { z } from 'zod';
import { MAX_PRESENCE_USERS, MAX_PULL } from '#libs/protocol/limits.ts';
import {
  asker,
  checked,
  copy,
  Gateway,
  Key,
  mayAsk,
  message,
  origin,
  question,
  receipt,
  reply,
  sent,
  Session,
  Since,
  Target,
  traced,
} from './entry-fields.ts';
import { MAX_REPORTED, REPORT_QUEUE } from './slow-sessions-report.ts';
import { At, DeviceId, MessageId, Receivers, Seq, Thread, UserId } from '#libs/protocol/names.ts';

/**
 * The entries that travel in the queues. An AMQP message is a JSON array of entries for one queue. The schemas also
 * protect against foreign data: invalid entries go to `sixfold.dead`. Two versions can run side by side: unknown
 * fields are dropped, unknown kinds are dead-lettered.
 */

/** Another session that a message was sent to: the first confirmation settles it for all. Or the one that sent it. */
export type Target = z.infer<typeof Target>;

/** A session that presence should know; `alone`: and that should be the only one of its user. */
const Checked = z.object({ user: UserId, session: Session, alone: z.literal(true).optional() });
export type Checked = z.infer<typeof Checked>;

/** A device that a user is connected on; `since`: milliseconds since the epoch. */
const Present = z.object({ user: UserId, device: DeviceId, since: At, sync: z.boolean() });
export type Present = z.infer<typeof Present>;

/** gateway -> routing, in the partition of the user that it concerns. */
export const RouteEntry = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('message'), ...message, ...traced }),
  z.object({
    kind: z.literal('session-up'),
    user: UserId,
    device: DeviceId,
    session: Session,
    gateway: Gateway,
    /** Time of the login, milliseconds since the Unix epoch. The latest login on a device wins. */
    since: Since,
    /** When its token was issued, seconds since the Unix epoch. */
    iat: z.number().optional(),
    /** Not a login, but a session announced again: its client will not pull its mailbox unasked. */
    again: z.boolean(),
    /** Makes the device a synced one. */
    sync: z.literal(true).optional(),
  }),
  z.object({ kind: z.literal('session-down'), user: UserId, session: Session }),
  /** An operator ended the user's sessions, at that moment. Answered by `answer`. */
  z.object({ kind: z.literal('revoke'), user: UserId, at: At, ...mayAsk }),
  /** The same, and nothing of the user's is kept that was accepted until then. Answered when nothing is left. */
  z.object({ kind: z.literal('erase'), user: UserId, at: At, ...mayAsk }),
  z.object({
    kind: z.literal('pull'),
    user: UserId,
    ...asker,
    limit: z.int(),
    /** The gateway's clock; a page that came before held only what is expired by it. */
    now: At.optional(),
    /** The synced device that the session is on. */
    device: DeviceId.optional(),
    /** The user's mailbox, also where the user has synced devices. */
    whole: z.literal(true).optional(),
    ...question,
  }),
  /** Where are these users? In the partition of any. Answered by `answer`, as the next two. */
  z.object({ kind: z.literal('presence'), users: z.array(UserId).max(MAX_PRESENCE_USERS), ...asker }),
  /** Which synced devices does the user have? */
  z.object({ kind: z.literal('devices'), user: UserId, ...asker }),
  /** Is a token of the user revoked that was issued at `iat`, seconds since the Unix epoch? */
  z.object({ kind: z.literal('token'), user: UserId, iat: z.number().optional(), ...asker }),
  z.object({
    kind: z.literal('confirm'),
    user: UserId,
    keys: z.array(z.string()).max(MAX_PULL),
    device: DeviceId.optional(),
  }),
  /** What a user sent, in the partition of that user: for the synced devices, but not the one that sent, if one did. */
  z.object({
    kind: z.literal('sent'),
    user: UserId,
    device: DeviceId.optional(),
    id: MessageId,
    to: Receivers,
    body: z.string(),
    at: At,
    seq: Seq.optional(),
    thread: Thread.optional(),
    expires: At.optional(),
  }),
  /** The device is no longer a synced one. Who asks is told, and the device's session in any case. */
  z.object({ kind: z.literal('logout'), user: UserId, device: DeviceId, ...mayAsk }),
  /**
   * A gateway's heartbeat; `first` registers a new incarnation. `asked`: time on the gateway's clock, echoed in the
   * answer. `check`: some of its sessions; the answer names those missing from presence.
   */
  z.object({
    kind: z.literal('lease'),
    gateway: Gateway,
    first: z.boolean(),
    asked: z.number().optional(),
    check: z.array(Checked).optional(),
  }),
  /** An incarnation ended in an orderly way. */
  z.object({ kind: z.literal('leave'), gateway: Gateway }),
]);
export type RouteEntry = z.infer<typeof RouteEntry>;

/** gateway -> ack */
export const AckEntry = z.discriminatedUnion('kind', [
  /** A device of `to` confirmed the message (`from`, `id`). */
  z.object({
    kind: z.literal('ack'),
    from: UserId,
    id: MessageId,
    to: UserId,
    at: At,
    /** When the message was accepted. */
    sentAt: At.optional(),
    /** Of the message, for its event. */
    thread: Thread.optional(),
    others: z.array(Target).optional(),
    ...copy,
    ...origin,
    ...reply,
    ...traced,
  }),
  /** `to` has seen the message (`from`, `id`); the gateway has checked the proof. */
  z.object({ kind: z.literal('read'), from: UserId, id: MessageId, to: UserId, at: At }),
]);
export type AckEntry = z.infer<typeof AckEntry>;

/** Why a message came back from a gateway. */
export const ReturnReason = z.enum([
  'no_session',
  'disconnected',
  'ack_timeout',
  'expired',
  'session_full',
  'gateway_full',
  'draining',
  'queue_deleted',
  /** A receipt that was sent without a look at presence; the user has other sessions by now. */
  'more_sessions',
  /** A reason of another version that this one does not know. */
  'other',
]);
export type ReturnReason = z.infer<typeof ReturnReason>;

/** Only a metric label: an unknown value must not make the entry invalid. */
const returned = { returned: ReturnReason.catch('other').optional() };

const revocation = { at: At.optional(), again: z.boolean().optional() };

/** routing, ack, an operator -> gateway; and what could not be handed over live, in `sixfold.returned`. */
export const GatewayEntry = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('message'),
    session: Session,
    ...checked,
    others: z.array(Target).optional(),
    /** The receipt may go straight to `reply`: the confirmation is nobody else's news. */
    direct: z.literal(true).optional(),
    /** Returned though the user confirmed it: the confirmation's publisher confirm is missing. */
    answered: z.literal(true).optional().catch(undefined),
    ...copy,
    ...sent,
    /** Returned though another device of the user has confirmed it, so that the sender knows. */
    told: z.literal(true).optional(),
    ...traced,
    ...returned,
  }),
  z.object({
    kind: z.literal('receipt'),
    session: Session,
    user: UserId,
    ...receipt,
    /** When the message was accepted. */
    sentAt: At.optional(),
    /** Sent without a look at presence: where this session is not the user's only one any more, it comes back. */
    addressed: z.literal(true).optional(),
    ...copy,
    ...traced,
    ...returned,
  }),
  /** Answer to session-up. `mail`: the mailbox holds something. */
  z.object({
    kind: z.literal('registered'),
    session: Session,
    mail: z.boolean(),
    /** The user has no other session and no other synced device. */
    alone: z.literal(true).optional(),
    /** No answer: another session of the user is registered. (Gateways that do not know the field ignore the entry.) */
    joined: z.literal(true).optional(),
    /** The device is a synced one. */
    sync: z.literal(true).optional(),
  }),
  /** Answer to session-up: the user has as many synced devices as may be. */
  z.object({ kind: z.literal('too-many-devices'), session: Session }),
  /** The device of this session is no longer a synced one. */
  z.object({ kind: z.literal('logged-out'), session: Session }),
  /** Another session took this one's place. */
  z.object({ kind: z.literal('replaced'), session: Session }),
  /**
   * Answer to session-up: a later login, at `since`, holds the device. A login that still waits gets `unavailable`.
   * `full`: the user has the maximum number of sessions.
   */
  z.object({ kind: z.literal('late'), session: Session, since: Since, full: z.literal(true).optional() }),
  /**
   * Without `at`: answer to session-up, the token is revoked. With it: an operator ended the sessions of the user at that
   * moment. `again`: this was done before, and the session may be a later one. With `user` it is for no session: tokens of
   * this user that came over HTTP may be revoked by now.
   */
  z.object({ kind: z.literal('revoked'), session: Session, user: UserId.optional(), ...revocation }),
  /** Another device of the user confirmed the message. */
  z.object({
    kind: z.literal('settled'),
    session: Session,
    from: UserId,
    id: MessageId,
    /** The user, where that one has synced devices: then only the sender's truth is settled, not this session's copy. */
    to: UserId.optional(),
  }),
  /** Something was stored for the user of this session. */
  z.object({ kind: z.literal('hint'), session: Session }),
  /** Answer to pull. */
  z.object({
    kind: z.literal('mailbox'),
    session: Session,
    ...question,
    messages: z.array(z.object({ key: Key, ...checked, ...sent })),
    receipts: z.array(z.object({ key: Key, ...receipt })),
    more: z.boolean(),
    missed: z.object({ key: Key, count: z.int() }).optional(),
    /** The device that it was asked for is not a synced one. */
    unsynced: z.literal(true).optional(),
  }),
  /** Answer to presence, devices, token, revoke, erase: with what the question was about. */
  z.object({
    kind: z.literal('answer'),
    session: Session,
    present: z.array(Present).optional(),
    devices: z.array(z.object({ device: DeviceId, since: At })).optional(),
    /** The token is revoked. */
    revoked: z.boolean().optional(),
  }),
  /**
   * Answer to lease. `presence` names an uninterrupted period of presence. When it changes, sessions were lost or had
   * lapsed, and the gateway announces all of them again. `asked` as in the lease.
   */
  z.object({
    kind: z.literal('lease-granted'),
    presence: z.string(),
    asked: z.number().optional(),
    /** Sessions of `check` that are missing from presence. */
    missing: z.array(Session).optional(),
    /** Sessions of `check` that should be their users' only ones, and are not. */
    joined: z.array(Session).optional(),
  }),
  /** From an operator: end this session; its client reconnects. */
  z.object({ kind: z.literal('disconnect'), session: Session }),
  /** From an operator: report slow sessions, up to `most`, to the queue `to`. */
  z.object({
    kind: z.literal('report'),
    to: z.string().regex(REPORT_QUEUE),
    most: z.int().min(1).max(MAX_REPORTED),
  }),
  /** Last entry of a queue: the incarnation ended, and the queue can be deleted. */
  z.object({ kind: z.literal('tombstone') }),
]);
export type GatewayEntry = z.infer<typeof GatewayEntry>;

type Kind<E, K> = Extract<E, { kind: K }>;
export type RouteMessage = Kind<RouteEntry, 'message'>;
export type SessionUp = Kind<RouteEntry, 'session-up'>;
export type SessionDown = Kind<RouteEntry, 'session-down'>;
export type Sent = Kind<RouteEntry, 'sent'>;
export type Logout = Kind<RouteEntry, 'logout'>;
export type Settled = Kind<GatewayEntry, 'settled'>;
export type Pull = Kind<RouteEntry, 'pull'>;
export type Confirm = Kind<RouteEntry, 'confirm'>;
export type Revoke = Kind<RouteEntry, 'revoke'>;
export type Erase = Kind<RouteEntry, 'erase'>;
export type Question = Kind<RouteEntry, 'presence' | 'devices' | 'token'>;
export type Answer = Kind<GatewayEntry, 'answer'>;
export type LeaseGranted = Kind<GatewayEntry, 'lease-granted'>;
export type Confirmation = Kind<AckEntry, 'ack'>;
export type ReadConfirmation = Kind<AckEntry, 'read'>;
export type LiveMessage = Kind<GatewayEntry, 'message'>;
export type LiveReceipt = Kind<GatewayEntry, 'receipt'>;
export type Mailbox = Kind<GatewayEntry, 'mailbox'>;
