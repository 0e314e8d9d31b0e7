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
