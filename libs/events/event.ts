import { createHash } from 'node:crypto';
import { z } from 'zod';
import { At, DeviceId, MessageId, RejectReason, Thread, UserId } from '#libs/protocol/names.ts';

/** The events of `sixfold.events` (PROTOCOL: Events). An AMQP message is a JSON array of events of one type, its routing key. */

/** What can become of a message, for one receiver. */
export const MESSAGE_EVENTS = [
  'message.accepted',
  'message.stored',
  'message.delivered',
  'message.rejected',
  'message.read',
] as const;
export const SESSION_EVENTS = ['session.up', 'session.down'] as const;
/** Every type, as in the setting EVENTS. */
export const EVENT_TYPES = [...MESSAGE_EVENTS, ...SESSION_EVENTS] as const;
export type EventType = (typeof EVENT_TYPES)[number];

/** The same for the same fact, so that consumers can drop repetitions. */
const EventId = z.string().regex(/^[A-Za-z0-9_-]{22}$/);

/** A state that a message has reached; without its body. */
export const MessageEvent = z.object({
  type: z.enum(MESSAGE_EVENTS),
  event: EventId,
  from: UserId,
  id: MessageId,
  to: UserId,
  at: At,
  thread: Thread.optional(),
  reason: RejectReason.optional(),
});
export type MessageEvent = z.infer<typeof MessageEvent>;

/** A device of a user connected or went away. */
export const SessionEvent = z.object({
  type: z.enum(SESSION_EVENTS),
  event: EventId,
  user: UserId,
  device: DeviceId,
  at: At,
});
export type SessionEvent = z.infer<typeof SessionEvent>;

export const Event = z.union([MessageEvent, SessionEvent]);
export type Event = z.infer<typeof Event>;

/** A name of 22 characters for a fact: 128 bits of a digest of what makes it that fact. */
export const eventId = (...parts: readonly string[]): string =>
  createHash('sha256').update(JSON.stringify(parts)).digest().subarray(0, ID_BYTES).toString('base64url');

const ID_BYTES = 16;
