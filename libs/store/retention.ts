import type { Database } from './database.ts';
import { deciding, messageEvents } from './deciding-statement.ts';
import { IS_FACT, tell } from './tell.ts';

/** What has waited too long leaves the mailbox, and its sender is told. */

/** Where the sender knows that the message was delivered, its rejection would be false. */
const REJECTED = `(SELECT r.* FROM news r WHERE ${IS_FACT}) AS rejected`;

/** Deletes up to $2 messages that the condition names, the oldest first; $3 is the receipts' `at`. */
const expireMessages = (name: string, condition: string, order: string) =>
  deciding(
    name,
    ['message.rejected'],
    3,
    (record) => `
    WITH old AS (
      SELECT recipient, key FROM offline_messages
      WHERE ${condition}
      ORDER BY ${order} LIMIT $2 FOR UPDATE SKIP LOCKED
    ), gone AS (
      DELETE FROM offline_messages m USING old WHERE m.recipient = old.recipient AND m.key = old.key
      RETURNING m.sender, m.id, m.recipient, m.thread, m.seen, m.at AS sent_at
    ), news AS (
      SELECT sender, id, recipient, thread, 'rejected' AS state, 'expired' AS reason, $3::bigint AS at, sent_at FROM gone
      WHERE seen IS NOT true
    ), ${tell('news')}${record(messageEvents('message.rejected', REJECTED, "'expired'"))}
    SELECT sender, told IS NOT NULL AS receipt FROM gone LEFT JOIN told USING (sender, id, recipient)`,
  );

const EXPIRE_MESSAGES = expireMessages(
  'messages-expire',
  "stored_at < now() - $1::float8 * interval '1 day'",
  'stored_at',
);

/**
 * A message that was stored a moment ago may be confirmed (by a gateway that died): that confirmation comes first.
 */
const EXPIRE_OVERDUE = expireMessages(
  'messages-expire-overdue',
  "expires <= $1::bigint AND stored_at < now() - interval '10 seconds'",
  'expires',
);

const EXPIRE_RECEIPTS = {
  name: 'receipts-expire',
  text: `
    WITH old AS (
      SELECT recipient, key FROM offline_receipts
      WHERE stored_at < now() - $1::float8 * interval '1 day'
      ORDER BY stored_at LIMIT $2 FOR UPDATE SKIP LOCKED
    ), gone AS (
      DELETE FROM offline_receipts r USING old WHERE r.recipient = old.recipient AND r.key = old.key RETURNING 1
    )
    SELECT count(*)::integer AS expired FROM gone`,
};

/** Messages that expired. */
export interface ExpiredMessages {
  /** Their senders, one for each message. */
  senders: string[];
  /** How many of these have a new receipt for it. */
  told: number;
}

export interface Expired extends ExpiredMessages {
  /** Receipts that nobody came for. */
  receipts: number;
}

/** Expires up to `limit` messages and as many receipts. */
export async function expireEntries(
  db: Database,
  days: number,
  limit: number,
  now: number,
): Promise<Expired> {
  const gone = await db.query<ExpiredRow>(EXPIRE_MESSAGES, [days, limit, now]);
  const receipts = await db.query<{ expired: number }>(EXPIRE_RECEIPTS, [days, limit]);
  return { ...summary(gone), receipts: receipts[0]?.expired ?? 0 };
}

/** Expires up to `limit` messages whose own time (`ttl`) is over. */
export async function expireOverdue(db: Database, limit: number, now: number): Promise<ExpiredMessages> {
  return summary(await db.query<ExpiredRow>(EXPIRE_OVERDUE, [now, limit, now]));
}

interface ExpiredRow {
  sender: string;
  receipt: boolean;
}

const summary = (gone: readonly ExpiredRow[]): ExpiredMessages => ({
  senders: gone.map(({ sender }) => sender),
  told: gone.filter(({ receipt }) => receipt).length,
});
