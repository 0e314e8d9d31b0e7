import { z } from 'zod';

/** A gateway's answer to an operator who asks for slow sessions: a snapshot, sent to the operator's own queue. */

/** Queues that a report may be sent to; each lasts as long as the operator's connection. */
export const REPORT_QUEUE = /^sixfold\.admin\.[0-9a-f-]{36}$/;
export const reportQueue = (name: string) => `sixfold.admin.${name}`;
/** Most sessions that one gateway names. */
export const MAX_REPORTED = 1_000;

/** A session with unconfirmed messages. */
export const SlowSession = z.object({
  user: z.string(),
  device: z.string(),
  session: z.string(),
  /** Time of the login, milliseconds since the Unix epoch. */
  since: z.number(),
  /** Messages with the client or waiting for it, unconfirmed. */
  messages: z.number(),
  /** Length of the bodies that wait behind the receive window. */
  waitingBytes: z.number(),
  /** Age of the oldest unconfirmed message sent to it, milliseconds; null if none. */
  unansweredMs: z.number().nullable(),
  /** Bytes that the client has not read. */
  sendBufferBytes: z.number(),
});
export type SlowSession = z.infer<typeof SlowSession>;

export const SlowSessionsReport = z.object({
  /** `<gateway id>.<incarnation>` */
  gateway: z.string(),
  /** Logged in, slow or not. */
  sessions: z.number(),
  /** Number of sessions with unconfirmed messages; `slow` names the worst. */
  unsettled: z.number(),
  slow: z.array(SlowSession),
});
export type SlowSessionsReport = z.infer<typeof SlowSessionsReport>;
