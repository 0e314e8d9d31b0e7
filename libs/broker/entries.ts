import { z } from 'zod';
import { isJson } from '#libs/protocol/json.ts';
import { MAX_KEY_LENGTH, MAX_PULL } from '#libs/protocol/limits.ts';
import { MAX_REPORTED, REPORT_QUEUE } from './slow-sessions-report.ts';
import { At, DeliveryState, DeviceId, MessageId, RejectReason, Seq, UserId } from '#libs/protocol/names.ts';

/**
 * What travels in the queues. An AMQP message is a JSON array of entries for one queue. The schemas are also the
 * guard against what somebody else may have put there: what does not fit goes to `sixfold.dead`.
 * Two versions can run side by side: fields that this one does not know are dropped, kinds are dead.
 */

/** `<gateway id>.<epoch>` */
export const GATEWAY_INCARNATION = /^[A-Za-z0-9_-]{1,64}\.[0-9a-z]{1,16}$/;
const Gateway = z.string().regex(GATEWAY_INCARNATION);
/** A session's id. */
export const SESSION = /^[A-Za-z0-9-]{1,64}$/;
const Session = z.string().regex(SESSION);

/** Names a mailbox entry; a gateway writes it into a packet as it is. */
const Key = z.string().regex(new RegExp(`^[A-Za-z0-9_-]{1,${MAX_KEY_LENGTH}}$`));

/** Clocks differ by less than this, milliseconds. A login that is later still would keep its place for as long. */
const MAX_CLOCK_DIFFERENCE_MS = 86_400_000;
const Since = At.refine((since) => since < Date.now() + MAX_CLOCK_DIFFERENCE_MS, {
  error: 'is in the future',
});

/** The step of the message's distributed trace that this follows, if it is traced (W3C Trace Context); one that is off is none. */
const traced = {
  traceparent: z
    .string()
    .regex(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/)
    .catch('')
    .optional(),
};

/** A message as accepted; `body` is the text of the JSON value that the sender wrote. */
const message = { from: UserId, id: MessageId, to: UserId, body: z.string(), at: At, seq: Seq.optional() };
/** On its last way: the gateway writes the body into a packet as it is, and one forged text would spoil that for ever. */
const checked = { ...message, body: z.string().refine(isJson, { error: 'is not JSON' }) };
const receipt = { id: MessageId, to: UserId, state: DeliveryState, at: At, reason: RejectReason.optional() };

/** Where else a message went: the receiver's other devices. The first one that confirms settles it for all. */
const Target = z.object({ gateway: Gateway, session: Session });
export type Target = z.infer<typeof Target>;

/** Numbers the pulls of a session; the page brings it back. */
const question = { ask: z.int().min(0).optional() };

/** A session that presence should know. */
const Checked = z.object({ user: UserId, session: Session });
export type Checked = z.infer<typeof Checked>;

/** gateway -> routing, in the partition of the user that it concerns. */
export const RouteEntry = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('message'), ...message, ...traced }),
  z.object({
    kind: z.literal('session-up'),
    user: UserId,
    device: DeviceId,
    session: Session,
    gateway: Gateway,
    /** When it logged in, milliseconds since the epoch; what comes later takes the place of what came before. */
    since: Since,
    /** Not a login but a session that goes on: its client does not ask for its mailbox by itself. */
    again: z.boolean(),
  }),
  z.object({ kind: z.literal('session-down'), user: UserId, session: Session }),
  z.object({
    kind: z.literal('pull'),
    user: UserId,
    session: Session,
    gateway: Gateway,
    limit: z.int(),
    ...question,
  }),
  z.object({ kind: z.literal('confirm'), user: UserId, keys: z.array(z.string()).max(MAX_PULL) }),
  /**
   * A gateway's heartbeat; `first` registers a new epoch. `asked`: when, by a clock of the gateway's; the answer says it
   * again. `check`: some of its sessions; the answer names those that presence does not have.
   */
  z.object({
    kind: z.literal('lease'),
    gateway: Gateway,
    first: z.boolean(),
    asked: z.number().optional(),
    check: z.array(Checked).optional(),
  }),
  /** An epoch is over, in order. */
  z.object({ kind: z.literal('leave'), gateway: Gateway }),
]);
export type RouteEntry = z.infer<typeof RouteEntry>;

/** gateway -> ack: a device of `to` confirmed the message (`from`, `id`). */
export const AckEntry = z.object({
  kind: z.literal('ack'),
  from: UserId,
  id: MessageId,
  to: UserId,
  at: At,
  others: z.array(Target).optional(),
  ...traced,
});
export type AckEntry = z.infer<typeof AckEntry>;

/** Why a message came back from a gateway. */
export const ReturnReason = z.enum([
  'no_session',
  'disconnected',
  'ack_timeout',
  'session_full',
  'gateway_full',
  'draining',
  'queue_deleted',
  /** One that another version gives, and this one does not know. */
  'other',
]);
export type ReturnReason = z.infer<typeof ReturnReason>;

/** It only names a counter: no message is given up for it. */
const returned = { returned: ReturnReason.catch('other').optional() };

/** routing, ack, an operator -> gateway; and what could not be handed over live, in `sixfold.returned`. */
export const GatewayEntry = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('message'),
    session: Session,
    ...checked,
    others: z.array(Target).optional(),
    /** It comes back though its user confirmed it: whether the broker has taken that is not known. */
    answered: z.literal(true).optional().catch(undefined),
    ...traced,
    ...returned,
  }),
  z.object({
    kind: z.literal('receipt'),
    session: Session,
    user: UserId,
    ...receipt,
    ...traced,
    ...returned,
  }),
  /** Answer to session-up. `mail`: the mailbox holds something. */
  z.object({ kind: z.literal('registered'), session: Session, mail: z.boolean() }),
  /** Another session took this one's place. */
  z.object({ kind: z.literal('replaced'), session: Session }),
  /**
   * Answer to session-up: whoever has its place logged in later, at `since`. A login that still waits is `unavailable`.
   * `full`: there is no place, the user has as many sessions as may be.
   */
  z.object({ kind: z.literal('late'), session: Session, since: Since, full: z.literal(true).optional() }),
  /** Another device of the user confirmed the message. */
  z.object({ kind: z.literal('settled'), session: Session, from: UserId, id: MessageId }),
  /** Something was stored for the user of this session. */
  z.object({ kind: z.literal('hint'), session: Session }),
  /** Answer to pull. */
  z.object({
    kind: z.literal('mailbox'),
    session: Session,
    ...question,
    messages: z.array(z.object({ key: Key, ...checked })),
    receipts: z.array(z.object({ key: Key, ...receipt })),
    more: z.boolean(),
  }),
  /**
   * Answer to lease. `presence` names the time without a gap in which the gateway's sessions count: when it changes,
   * they were lost or had lapsed, and the gateway announces them again. `asked` as in the lease.
   */
  z.object({
    kind: z.literal('lease-granted'),
    presence: z.string(),
    asked: z.number().optional(),
    /** Sessions that it asked about and that presence does not have. */
    missing: z.array(Session).optional(),
  }),
  /** From an operator: this session has to connect anew. */
  z.object({ kind: z.literal('disconnect'), session: Session }),
  /** From an operator: who is slow? The answer goes to the queue `to`, and names up to `most` sessions. */
  z.object({
    kind: z.literal('report'),
    to: z.string().regex(REPORT_QUEUE),
    most: z.int().min(1).max(MAX_REPORTED),
  }),
  /** Nothing comes behind it: the epoch is over and the queue can be removed. */
  z.object({ kind: z.literal('tombstone') }),
]);
export type GatewayEntry = z.infer<typeof GatewayEntry>;

type Kind<E, K> = Extract<E, { kind: K }>;
export type RouteMessage = Kind<RouteEntry, 'message'>;
export type SessionUp = Kind<RouteEntry, 'session-up'>;
export type SessionDown = Kind<RouteEntry, 'session-down'>;
export type Pull = Kind<RouteEntry, 'pull'>;
export type Confirm = Kind<RouteEntry, 'confirm'>;
export type LeaseGranted = Kind<GatewayEntry, 'lease-granted'>;
export type LiveMessage = Kind<GatewayEntry, 'message'>;
export type LiveReceipt = Kind<GatewayEntry, 'receipt'>;
export type Mailbox = Kind<GatewayEntry, 'mailbox'>;
