import { z } from 'zod';
import { isJson } from '#libs/protocol/json.ts';
import { MAX_KEY_LENGTH } from '#libs/protocol/limits.ts';
import {
  At,
  DeliveryState,
  DeviceId,
  MessageId,
  Receivers,
  RejectReason,
  Seq,
  Thread,
  UserId,
} from '#libs/protocol/names.ts';

/** What several kinds of entries have: names, and fields to spread into their schemas. */

/** `<gateway id>.<incarnation>` */
export const GATEWAY_INCARNATION = /^[A-Za-z0-9_-]{1,64}\.[0-9a-z]{1,16}$/;
export const Gateway = z.string().regex(GATEWAY_INCARNATION);
/** A session's id. */
export const SESSION = /^[A-Za-z0-9-]{1,64}$/;
export const Session = z.string().regex(SESSION);

/** A session, and the gateway that it is connected to. */
export const Target = z.object({ gateway: Gateway, session: Session });

/** Names a mailbox entry. A gateway copies it into a packet unescaped. */
export const Key = z.string().regex(new RegExp(`^[A-Za-z0-9_-]{1,${MAX_KEY_LENGTH}}$`));

/** Largest clock difference accepted, milliseconds. A login from the future would win for as long. */
const MAX_CLOCK_DIFFERENCE_MS = 86_400_000;
export const Since = At.refine((since) => since < Date.now() + MAX_CLOCK_DIFFERENCE_MS, {
  error: 'is in the future',
});

/**
 * The step of the message's distributed trace that this follows, if it is traced (W3C Trace Context). An invalid one
 * is ignored.
 */
export const traced = {
  traceparent: z
    .string()
    .regex(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/)
    .catch('')
    .optional(),
};

/**
 * The sender's synced device: receipts go there live, and to the user's other ones through their mailboxes. '': sent over
 * HTTP, where nobody sends a message again whose live receipt is lost, so each receipt waits in a mailbox.
 */
export const origin = { origin: z.union([DeviceId, z.literal('')]).optional() };

/**
 * The sender's session, where the user has no other session and no other synced device: receipts go there without a look
 * at presence.
 */
export const reply = { reply: Target.optional() };

/** A message as accepted; `body` is the text of the JSON value that the sender wrote. */
export const message = {
  from: UserId,
  id: MessageId,
  to: UserId,
  body: z.string(),
  at: At,
  seq: Seq.optional(),
  thread: Thread.optional(),
  /** When it is of no more use, milliseconds since the epoch. */
  expires: At.optional(),
  /** Its sender asked for a read receipt. */
  read: z.literal(true).optional(),
  ...origin,
  ...reply,
};
/** What another device of this user sent: whom to, as sent. Nobody is told of its fate. */
export const sent = { sentTo: Receivers.optional() };
/** Of a user with synced devices: the synced device that a live copy is for; '' for another session of the user. */
export const copy = { copy: z.union([DeviceId, z.literal('')]).optional() };
/** On the last hop: the gateway copies the body into a packet unescaped, so it must be valid JSON. */
export const checked = { ...message, body: z.string().refine(isJson, { error: 'is not JSON' }) };
export const receipt = {
  id: MessageId,
  to: UserId,
  state: DeliveryState,
  at: At,
  reason: RejectReason.optional(),
};

/** Sequence number of a session's pulls; the page echoes it. */
export const question = { ask: z.int().min(0).optional() };

/** Who asks, and gets the answer: a session or a request over HTTP, and the gateway that has it. */
export const asker = { session: Session, gateway: Gateway };
/** Without an asker nobody is told when it is done. */
export const mayAsk = { session: Session.optional(), gateway: Gateway.optional() };
