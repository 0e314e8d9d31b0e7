import type { Database } from './database.ts';
import { deciding, messageEvents } from './deciding-statement.ts';
import { tell } from './tell.ts';

/** What has waited too long leaves the mailboxes of synced devices. */

/** How long a row without copies is kept, for sessions that still have the message live. */
const IDLE = "interval '10 minutes'";
/** A message that is of no more use may still be with a client; then it is a confirmation that settles it, or its return. */
const LIVE_MS = 40_000;

/** As in retention.ts: not what the sender knows to be delivered. */
const REJECTED = `(SELECT gone.*, $3::bigint AS at FROM gone JOIN told USING (sender, id, recipient)) AS rejected`;

/**
 * Up to $2 messages leave with all of their copies: a message that no device has confirmed is rejected, of any other
 * the devices are told that they missed it. $3 is the receipts' `at`.
 */
const expireMessages = (name: string, condition: string, order: string) =>
  deciding(
    name,
    ['message.rejected'],
    3,
    (record) => `
    WITH old AS (
      SELECT recipient, sender, id FROM device_messages
      WHERE ${condition} AND body IS NOT NULL
      ORDER BY ${order} LIMIT $2 FOR UPDATE SKIP LOCKED
    ), copies AS (
      DELETE FROM device_copies c USING old o
      WHERE c.recipient = o.recipient AND c.sender = o.sender AND c.id = o.id
      RETURNING c.recipient, c.device, c.sender, c.id
    ), gone AS (
      DELETE FROM device_messages m USING old o
      WHERE m.recipient = o.recipient AND m.sender = o.sender AND m.id = o.id
      RETURNING m.recipient, m.sender, m.id, m.thread, m.delivered, m.at AS sent_at
    ), lost AS (
      SELECT recipient, c.device, sender, id FROM copies c JOIN gone g USING (recipient, sender, id)
        JOIN devices d ON d.user_id = recipient AND d.device = c.device
      WHERE g.delivered
    ), missed AS (
      INSERT INTO device_missed (recipient, device, count)
      SELECT recipient, device, count(*) FROM lost GROUP BY recipient, device ORDER BY recipient, device
      ON CONFLICT (recipient, device) WHERE NOT handed DO UPDATE SET count = device_missed.count + excluded.count
      RETURNING recipient, device
    ), news AS (
      SELECT sender, id, recipient, 'rejected' AS state, 'expired' AS reason, $3::bigint AS at, sent_at
      FROM gone WHERE NOT delivered
    ), ${tell('news')}${record(messageEvents('message.rejected', REJECTED, "'expired'"))}
    SELECT sender AS user, NULL AS device, told IS NOT NULL AS news, coalesce(lost.copies, 0) AS missed
    FROM gone LEFT JOIN told USING (sender, id, recipient)
      LEFT JOIN (SELECT recipient, sender, id, count(*)::integer AS copies FROM lost GROUP BY recipient, sender, id) AS lost
        USING (sender, id, recipient)
    UNION ALL SELECT recipient, device, true, 0 FROM missed`,
  );

const EXPIRE = expireMessages(
  'copies-expire',
  "stored_at < now() - $1::float8 * interval '1 day'",
  'stored_at',
);

const EXPIRE_OVERDUE = expireMessages(
  'copies-expire-overdue',
  `expires <= $1::bigint AND stored_at < now() - interval '10 seconds'
       AND (delivered OR live <@ back OR expires <= $1::bigint - ${LIVE_MS})`,
  'expires',
);

const EXPIRE_RECEIPTS = {
  name: 'device-receipts-expire',
  text: `
    WITH old AS (
      SELECT recipient, device, key FROM device_receipts
      WHERE stored_at < now() - $1::float8 * interval '1 day'
      ORDER BY stored_at LIMIT $2 FOR UPDATE SKIP LOCKED
    ), gone AS (
      DELETE FROM device_receipts r USING old
      WHERE r.recipient = old.recipient AND r.device = old.device AND r.key = old.key RETURNING 1
    )
    SELECT count(*)::integer AS expired FROM gone`,
};

const DELETE_IDLE = {
  name: 'copies-delete-idle',
  text: `
    DELETE FROM device_messages WHERE (recipient, sender, id) IN (
      SELECT recipient, sender, id FROM device_messages m
      WHERE idle_at < now() - ${IDLE} AND NOT EXISTS (
        SELECT FROM device_copies c WHERE c.recipient = m.recipient AND c.sender = m.sender AND c.id = m.id)
      LIMIT $1 FOR UPDATE SKIP LOCKED)
    RETURNING 1`,
};

/**
 * Messages that expired: the sender of each; `news`: that one has a receipt; `missed`: copies that devices are told of. And
 * these devices.
 */
export type ExpiredCopies = { user: string; device: string | null; news: boolean; missed: number }[];

/** Expires up to `limit` messages that have waited that many days. */
export const expireCopies = (
  db: Database,
  days: number,
  limit: number,
  now: number,
): Promise<ExpiredCopies> => db.query(EXPIRE, [days, limit, now]);

/** Expires up to `limit` messages whose own time (`ttl`) is over. */
export const expireOverdueCopies = (db: Database, limit: number, now: number): Promise<ExpiredCopies> =>
  db.query(EXPIRE_OVERDUE, [now, limit, now]);

/** Expires up to `limit` receipts. @returns how many did */
export async function expireDeviceReceipts(db: Database, days: number, limit: number): Promise<number> {
  const [row] = await db.query<{ expired: number }>(EXPIRE_RECEIPTS, [days, limit]);
  return row?.expired ?? 0;
}

/** Deletes up to `limit` rows that hold no message any more. @returns how many */
export async function deleteIdleMessages(db: Database, limit: number): Promise<number> {
  return (await db.query(DELETE_IDLE, [limit])).length;
}
