import type { Database } from './database.ts';
import type { Session } from './presence.ts';

/** What an operator may want to know. Nothing here reads a body: a role without the right to do so is enough. */

/** How full a user's mailbox is; times in milliseconds since the epoch. */
export interface MailboxCounts {
  messages: number;
  /** When the oldest of them was stored. */
  oldestMessage: number | null;
  receipts: number;
  oldestReceipt: number | null;
  /** Those who have most messages in it. */
  senders: { sender: string; messages: number }[];
}

/** Most senders that are named. */
const SENDERS = 5;

const MAILBOX = {
  name: 'inspect-mailbox',
  text: `
    SELECT
      (SELECT count(*) FROM offline_messages WHERE recipient = $1)::integer AS messages,
      (SELECT extract(epoch FROM min(stored_at)) * 1000 FROM offline_messages WHERE recipient = $1)::float8
        AS "oldestMessage",
      (SELECT count(*) FROM offline_receipts WHERE recipient = $1)::integer AS receipts,
      (SELECT extract(epoch FROM min(stored_at)) * 1000 FROM offline_receipts WHERE recipient = $1)::float8
        AS "oldestReceipt",
      coalesce((SELECT json_agg(top) FROM (
        SELECT sender, count(*) AS messages FROM offline_messages WHERE recipient = $1
        GROUP BY sender ORDER BY count(*) DESC, sender LIMIT ${SENDERS}) AS top), '[]') AS senders`,
};

/** Counts what waits for a user. */
export async function countMailbox(db: Database, user: string): Promise<MailboxCounts> {
  const [counts] = await db.query<MailboxCounts>(MAILBOX, [user]);
  if (!counts) throw new Error('a SELECT without FROM has one row');
  return counts;
}

const SESSIONS = {
  name: 'inspect-sessions',
  text: `
    SELECT s.user_id AS user, s.device, s.session, s.gateway, s.since::float8 AS since,
      coalesce(NOT g.removed AND g.last_seen > now() - $2::integer * interval '1 millisecond', false) AS present
    FROM sessions s LEFT JOIN gateways g USING (gateway)
    WHERE s.user_id = $1 ORDER BY s.since`,
};

/** A session as presence has it. `present`: it counts, since its gateway's lease holds. */
export type KnownSession = Session & { present: boolean };

/** The sessions of a user, the oldest first. */
export function listSessions(db: Database, user: string, leaseMs: number): Promise<KnownSession[]> {
  return db.query<KnownSession>(SESSIONS, [user, leaseMs]);
}

const REVOKED = {
  name: 'inspect-revocation',
  text: 'SELECT 1 AS one FROM user_revocations WHERE user_id = $1 AND at >= $2',
};

/** Whether the tokens of a user that were issued before that moment are refused. @param at milliseconds since the epoch */
export async function isRevoked(db: Database, user: string, at: number): Promise<boolean> {
  return (await db.query(REVOKED, [user, at])).length > 0;
}

const ALIVE = {
  name: 'inspect-gateways',
  text: `
    SELECT gateway FROM gateways
    WHERE NOT removed AND last_seen > now() - $1::integer * interval '1 millisecond' ORDER BY gateway`,
};

/** The gateways whose lease holds. */
export async function listAlive(db: Database, leaseMs: number): Promise<string[]> {
  return (await db.query<{ gateway: string }>(ALIVE, [leaseMs])).map(({ gateway }) => gateway);
}

/** What the database knows of a message. Times in milliseconds since the epoch. */
export interface KnownMessage {
  /** Copies that wait to be fetched, the oldest first; `device` is null in the mailbox of a user without synced devices. */
  copies: { to: string; device: string | null; storedAt: number }[];
  /** Receipts about it that its sender has not fetched. */
  receipts: { to: string; device: string | null; state: string; reason: string | null; storedAt: number }[];
}

/** Most copies and most receipts that are named. */
const MOST_NAMED = 200;

const epochMs = (column: string) => `(extract(epoch FROM ${column}) * 1000)::float8`;

const COPIES = {
  name: 'inspect-copies',
  text: `
    SELECT recipient AS to, NULL AS device, ${epochMs('stored_at')} AS "storedAt"
    FROM offline_messages WHERE sender = $1 AND id = $2 AND ($3::text IS NULL OR recipient = $3)
    UNION ALL
    SELECT recipient, device, ${epochMs('stored_at')}
    FROM device_copies WHERE sender = $1 AND id = $2 AND ($3::text IS NULL OR recipient = $3)
    ORDER BY 3, 1, 2 LIMIT ${MOST_NAMED}`,
};

const RECEIPTS = {
  name: 'inspect-receipts',
  text: `
    SELECT peer AS to, NULL AS device, state, reason, ${epochMs('stored_at')} AS "storedAt"
    FROM offline_receipts WHERE recipient = $1 AND id = $2 AND ($3::text IS NULL OR peer = $3)
    UNION ALL
    SELECT peer, device, state, reason, ${epochMs('stored_at')}
    FROM device_receipts WHERE recipient = $1 AND id = $2 AND ($3::text IS NULL OR peer = $3)
    ORDER BY 5, 1, 2 LIMIT ${MOST_NAMED}`,
};

/**
 * Finds the copies of a message and the receipts about it. Without `to` it reads an index as a whole, which takes seconds
 * where millions of messages wait.
 */
export async function findMessage(
  db: Database,
  { from, id, to = null }: { from: string; id: string; to?: string | null | undefined },
): Promise<KnownMessage> {
  return {
    copies: await db.query<KnownMessage['copies'][number]>(COPIES, [from, id, to]),
    receipts: await db.query<KnownMessage['receipts'][number]>(RECEIPTS, [from, id, to]),
  };
}
