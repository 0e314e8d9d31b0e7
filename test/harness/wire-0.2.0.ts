import { z } from 'zod';
import { type Parsed, parseEntries } from '#libs/broker/dead-letters.ts';
import { GATEWAY_INCARNATION, SESSION } from '#libs/broker/entry-fields.ts';
import { At, DeviceId, MessageId, RejectReason, Seq, UserId } from '#libs/protocol/names.ts';

/**
 * The entries as version 0.2.0 reads and writes them, kept to test that the next version runs beside it. Without the
 * fields of tracing, and without what only an operator's command sends.
 */

const Gateway = z.string().regex(GATEWAY_INCARNATION);
const Session = z.string().regex(SESSION);
const others = z.array(z.object({ gateway: Gateway, session: Session })).optional();
const State = z.enum(['delivered', 'stored', 'rejected']);

const message = { from: UserId, id: MessageId, to: UserId, body: z.string(), at: At, seq: Seq.optional() };
const receipt = { id: MessageId, to: UserId, state: State, at: At, reason: RejectReason.optional() };
const question = { ask: z.int().optional() };
const returned = { returned: z.string().optional() };

const Route = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('message'), ...message }),
  z.object({
    kind: z.literal('session-up'),
    user: UserId,
    device: DeviceId,
    session: Session,
    gateway: Gateway,
    since: At,
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
  z.object({ kind: z.literal('confirm'), user: UserId, keys: z.array(z.string()) }),
  z.object({
    kind: z.literal('lease'),
    gateway: Gateway,
    first: z.boolean(),
    asked: z.number().optional(),
    check: z.array(z.object({ user: UserId, session: Session })).optional(),
  }),
  z.object({ kind: z.literal('leave'), gateway: Gateway }),
]);

const Ack = z.object({ kind: z.literal('ack'), from: UserId, id: MessageId, to: UserId, at: At, others });

const ForGateway = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('message'),
    session: Session,
    ...message,
    others,
    answered: z.literal(true).optional(),
    ...returned,
  }),
  z.object({ kind: z.literal('receipt'), session: Session, user: UserId, ...receipt, ...returned }),
  z.object({ kind: z.literal('registered'), session: Session, mail: z.boolean() }),
  z.object({ kind: z.literal('replaced'), session: Session }),
  z.object({ kind: z.literal('late'), session: Session, since: At, full: z.literal(true).optional() }),
  z.object({ kind: z.literal('settled'), session: Session, from: UserId, id: MessageId }),
  z.object({ kind: z.literal('hint'), session: Session }),
  z.object({
    kind: z.literal('mailbox'),
    session: Session,
    ...question,
    messages: z.array(z.object({ key: z.string(), ...message })),
    receipts: z.array(z.object({ key: z.string(), ...receipt })),
    more: z.boolean(),
  }),
  z.object({
    kind: z.literal('lease-granted'),
    presence: z.string(),
    asked: z.number().optional(),
    missing: z.array(Session).optional(),
  }),
  z.object({ kind: z.literal('disconnect'), session: Session }),
  z.object({ kind: z.literal('report'), to: z.string(), most: z.int() }),
  z.object({ kind: z.literal('tombstone') }),
]);

/** What each service of 0.2.0 reads. */
export const OLD = { route: Route, ack: Ack, gateway: ForGateway };
export type OldGatewayEntry = z.infer<typeof ForGateway>;
export type OldEntry = z.infer<typeof Route> | z.infer<typeof Ack> | OldGatewayEntry;

/** What that service makes of entries: those it reads, without unknown fields, and those it puts into `sixfold.dead`. */
export const readByOld = <E>(schema: z.ZodType<E>, ...entries: unknown[]): Parsed<E> =>
  parseEntries(Buffer.from(JSON.stringify(entries)), { schema });
