import type { Database } from './database.ts';
import { deciding, messageEvents, sessionEvents } from './deciding-statement.ts';
import type { Revocation } from './revocations.ts';
import { IS_FACT, tell } from './tell.ts';

/**
 * Erasure of users, in three steps. A mark that commits first: from then on no statement stores what was accepted until
 * the moment of the erasure (IS_ERASED). Then all statements that may have begun before the mark end
 * (running-statements.ts). Then everything is deleted that there will ever be. Each step may be repeated.
 */

/** SQL: a message (recipient, at) of `i` was accepted before its receiver was erased. */
export const IS_ERASED =
  'EXISTS (SELECT FROM user_revocations e WHERE e.user_id = i.recipient AND i.at <= e.erased_at)';

/** Largest difference of clocks that an erasure makes up for, milliseconds. */
const MAX_CLOCK_DIFFERENCE_MS = 60_000;

const MARK = {
  name: 'erasures-mark',
  text: `
    WITH input AS (
      SELECT user_id, max(at) AS at FROM unnest($1::text[], $2::bigint[]) AS i (user_id, at) GROUP BY user_id
    )
    INSERT INTO user_revocations AS r (user_id, at, erased_at)
    -- Everything that is here was here before, also if the clock of a gateway was ahead.
    SELECT i.user_id, i.at, least(i.at + ${MAX_CLOCK_DIFFERENCE_MS}, greatest(i.at,
      (SELECT max(since) FROM sessions WHERE user_id = i.user_id),
      (SELECT max(since) FROM devices WHERE user_id = i.user_id),
      (SELECT max(at) FROM offline_messages WHERE recipient = i.user_id),
      (SELECT max(at) FROM offline_receipts WHERE recipient = i.user_id),
      (SELECT max(at) FROM device_messages WHERE recipient = i.user_id),
      (SELECT max(at) FROM device_receipts WHERE recipient = i.user_id)))
    FROM input i ORDER BY user_id
    ON CONFLICT (user_id) DO UPDATE SET
      at = greatest(r.at, excluded.at),
      erased_at = CASE WHEN r.erased_at >= excluded.at THEN r.erased_at ELSE excluded.erased_at END,
      erased = coalesce(r.erased_at >= excluded.at, false) AND r.erased`,
};

/**
 * Marks users as erased: their tokens are revoked, and messages and receipts of that time are not stored from now on. An
 * erasure that is marked already changes nothing.
 */
export async function markErased(db: Database, erasures: readonly Revocation[]): Promise<void> {
  await db.query(MARK, [erasures.map(({ user }) => user), erasures.map(({ at }) => at)]);
}

const FORGET_SESSIONS = deciding(
  'erasures-forget-sessions',
  ['session.down'],
  1,
  (record) => `
    WITH gone AS (
      DELETE FROM sessions s USING user_revocations r
      WHERE s.user_id = ANY ($1::text[]) AND r.user_id = s.user_id AND s.since <= r.erased_at
      RETURNING s.*
    )${record(sessionEvents('session.down', 'gone s'))}
    SELECT FROM gone LIMIT 0`,
);

const FORGET_DEVICES = {
  name: 'erasures-forget-devices',
  text: `
    DELETE FROM devices d USING user_revocations r
    WHERE d.user_id = ANY ($1::text[]) AND r.user_id = d.user_id AND d.since <= r.erased_at
    RETURNING 1`,
};

/** Deletes the sessions and synced devices of erased users. @returns how many devices there were */
export async function forgetErased(db: Database, users: readonly string[]): Promise<number> {
  await db.query(FORGET_SESSIONS, [users]);
  return (await db.query(FORGET_DEVICES, [users])).length;
}

/** The oldest entries of a mailbox table that an erasure takes, up to $2. */
const old = (table: string, columns: string, condition = 'm.at <= r.erased_at') => `
    SELECT ${columns} FROM ${table} m JOIN user_revocations r ON r.user_id = m.recipient
    WHERE m.recipient = ANY ($1::text[]) AND ${condition} LIMIT $2`;

/** Not the copy of what its sender knows to be delivered. */
const REJECTED = `(SELECT r.* FROM news r WHERE ${IS_FACT}) AS rejected`;

const MESSAGES = deciding(
  'erasures-messages',
  ['message.rejected'],
  3,
  (record) => `
    WITH old AS (${old('offline_messages', 'm.recipient, m.key')}
    ), gone AS (
      DELETE FROM offline_messages m USING old o WHERE m.recipient = o.recipient AND m.key = o.key
      RETURNING m.sender, m.id, m.recipient, m.thread, m.at AS sent_at, m.seen
    ), news AS (
      SELECT sender, id, recipient, thread, sent_at, 'rejected' AS state, 'expired' AS reason, $3::bigint AS at FROM gone
      WHERE seen IS NOT true
    ), ${tell('news')}${record(messageEvents('message.rejected', REJECTED, "'expired'"))}
    SELECT sender, told IS NOT NULL AS receipt FROM gone LEFT JOIN told USING (sender, id, recipient)`,
);

/** A message that is still live somewhere is rejected when that copy comes back. */
const COPIES = deciding(
  'erasures-copies',
  ['message.rejected'],
  3,
  (record) => `
    WITH old AS (${old('device_messages', 'm.recipient, m.sender, m.id', '(m.at IS NULL OR m.at <= r.erased_at)')}
    ), copies AS (
      DELETE FROM device_copies c USING old o
      WHERE c.recipient = o.recipient AND c.sender = o.sender AND c.id = o.id
    ), gone AS (
      DELETE FROM device_messages m USING old o
      WHERE m.recipient = o.recipient AND m.sender = o.sender AND m.id = o.id
      RETURNING m.sender, m.id, m.recipient, m.thread, m.at AS sent_at, m.delivered OR NOT m.live <@ m.back AS kept
    ), news AS (
      SELECT sender, id, recipient, thread, sent_at, 'rejected' AS state, 'expired' AS reason, $3::bigint AS at FROM gone
      WHERE NOT kept
    ), ${tell('news')}${record(messageEvents('message.rejected', 'news', "'expired'"))}
    SELECT sender, told IS NOT NULL AS receipt FROM gone LEFT JOIN told USING (sender, id, recipient)`,
);

const RECEIPTS = {
  name: 'erasures-receipts',
  text: `
    WITH old AS (${old('offline_receipts', 'm.recipient, m.key')}
    ), old_of_devices AS (${old('device_receipts', 'm.recipient, m.device, m.key')}
    ), gone AS (
      DELETE FROM offline_receipts m USING old o WHERE m.recipient = o.recipient AND m.key = o.key RETURNING 1
    ), gone_of_devices AS (
      DELETE FROM device_receipts m USING old_of_devices o
      WHERE m.recipient = o.recipient AND m.device = o.device AND m.key = o.key RETURNING 1
    ), missed AS (
      DELETE FROM device_missed m WHERE m.recipient = ANY ($1::text[])
        AND NOT EXISTS (SELECT FROM devices d WHERE d.user_id = m.recipient AND d.device = m.device)
    )
    SELECT 1 FROM gone UNION ALL SELECT 1 FROM gone_of_devices`,
};

/** Rows that one statement takes. */
const AT_A_TIME = 1_000;

/** A message that was erased: its sender; `receipt`: it is news to that one. */
export interface ErasedMessage {
  sender: string;
  receipt: boolean;
}

/** Messages of erased users, some at a time; their senders are told. */
export async function* eraseMessages(
  db: Database,
  users: readonly string[],
  now: () => number = Date.now,
): AsyncGenerator<ErasedMessage[]> {
  for (const statement of [MESSAGES, COPIES])
    for (;;) {
      const gone = await db.query<{ sender: string; receipt: boolean }>(statement, [users, AT_A_TIME, now()]);
      if (gone.length > 0) yield gone;
      if (gone.length < AT_A_TIME) break;
    }
}

/** Deletes the receipts of erased users, and what their devices missed. */
export async function eraseReceipts(db: Database, users: readonly string[]): Promise<void> {
  while ((await db.query(RECEIPTS, [users, AT_A_TIME])).length > 0);
}

const FINISH = {
  name: 'erasures-finish',
  text: 'UPDATE user_revocations SET erased = true WHERE user_id = ANY ($1::text[]) AND erased_at IS NOT NULL',
};

/** Nothing of these users is left. */
export async function finishErasures(db: Database, users: readonly string[]): Promise<void> {
  await db.query(FINISH, [users]);
}

const IS_DONE = {
  name: 'erasures-is-done',
  text: 'SELECT 1 FROM user_revocations WHERE user_id = $1 AND erased AND erased_at >= $2',
};

/** Whether a user's erasure of that moment, milliseconds since the epoch, is done. */
export async function isErased(db: Database, user: string, at: number): Promise<boolean> {
  return (await db.query(IS_DONE, [user, at])).length > 0;
}
