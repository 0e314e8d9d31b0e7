import { z } from 'zod';

/** What a gateway answers when an operator asks who is slow: a state of one moment, through a queue of the operator's own. */

/** Queues that a report may be sent to; each lasts as long as the connection of who asked. */
export const REPORT_QUEUE = /^sixfold\.admin\.[0-9a-f-]{36}$/;
export const reportQueue = (name: string) => `sixfold.admin.${name}`;
/** Most sessions that one gateway names. */
export const MAX_REPORTED = 1_000;

/** A session that has not settled all that it was sent. */
export const SlowSession = z.object({
  user: z.string(),
  device: z.string(),
  session: z.string(),
  /** When it logged in, milliseconds since the epoch. */
  since: z.number(),
  /** Messages with the client or waiting for it, unconfirmed. */
  messages: z.number(),
  /** Length of the bodies that wait behind the receive window. */
  waitingBytes: z.number(),
  /** For how long the oldest message that it was sent has been unanswered, milliseconds; null: none is. */
  unansweredMs: z.number().nullable(),
  /** Bytes that the client has not read. */
  sendBufferBytes: z.number(),
});
export type SlowSession = z.infer<typeof SlowSession>;

export const SlowSessionsReport = z.object({
  /** `<gateway id>.<epoch>` */
  gateway: z.string(),
  /** Logged in, slow or not. */
  sessions: z.number(),
  /** How many sessions have something unsettled; the worst of them are named. */
  unsettled: z.number(),
  slow: z.array(SlowSession),
});
export type SlowSessionsReport = z.infer<typeof SlowSessionsReport>;
