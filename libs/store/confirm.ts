import type { Database } from './database.ts';
import { deciding, messageEvents } from './deciding-statement.ts';
import { tell } from './tell.ts';

/**
 * Deletes confirmed entries: the exact keys, and only in the client's own mailbox. (Keys do not become visible in order,
 * so "everything up to this key" would delete entries that were never sent.) Or, confirmed live, the exact message.
 */

const CONFIRM_MESSAGES = deciding(
  'messages-confirm',
  ['message.delivered'],
  3,
  (record) => `
    WITH gone AS (
      DELETE FROM offline_messages m USING unnest($1::text[], $2::bigint[]) AS i (recipient, key)
      WHERE m.recipient = i.recipient AND m.key = i.key
      RETURNING m.sender, m.id, m.recipient, m.thread, m.at AS sent_at
    ), news AS (
      SELECT sender, id, recipient, thread, 'delivered' AS state, NULL AS reason, $3::bigint AS at, sent_at FROM gone
    ), ${tell('news')}${record(messageEvents('message.delivered', 'news'))}
    SELECT sender, by, count(told)::integer AS receipts
    FROM (SELECT DISTINCT sender, recipient AS by FROM gone) AS named
      LEFT JOIN (SELECT sender, recipient AS by, id FROM told) AS told USING (sender, by)
    GROUP BY sender, by`,
);

const CONFIRM_RECEIPTS = {
  name: 'receipts-confirm',
  text: `
    DELETE FROM offline_receipts r USING unnest($1::text[], $2::bigint[]) AS i (recipient, key)
    WHERE r.recipient = i.recipient AND r.key = i.key`,
};

const WAITING = {
  name: 'receipts-waiting',
  text: `
    SELECT DISTINCT r.recipient AS sender, r.peer AS by, 0 AS receipts
    FROM offline_receipts r JOIN sessions s ON s.user_id = r.recipient
    WHERE r.peer = ANY ($1::text[])
    UNION
    SELECT r.recipient, r.peer, 0
    FROM device_receipts r JOIN sessions s ON s.user_id = r.recipient AND s.device = r.device
    WHERE r.peer = ANY ($1::text[])`,
};

/** A sender with new receipts, and the user who confirmed. */
export interface Told {
  sender: string;
  by: string;
  /** Number of new receipts. */
  receipts: number;
}

/**
 * A key: kind and number. Any other text names nothing. In the user's mailbox: message, receipt. In a device's: copy,
 * receipt (d), missed (x).
 */
export const KEY = /^([mrcdx])(\d{1,18})$/;

function select(confirms: readonly { user: string; keys: readonly string[] }[], kind: 'm' | 'r') {
  const users: string[] = [];
  const keys: string[] = [];
  for (const { user, keys: named } of confirms)
    for (const key of named) {
      const [, of, number] = KEY.exec(key) ?? [];
      if (of !== kind || number === undefined) continue;
      users.push(user);
      keys.push(number);
    }
  return { users, keys };
}

/**
 * Deletes confirmed entries; each message becomes a `delivered` receipt in its sender's mailbox, in one statement.
 *
 * @param again the same confirmations may have run before, without hints to the senders: then all senders with a waiting
 *   receipt from these users are named
 * @returns the senders with a receipt
 */
export async function confirmEntries(
  db: Database,
  confirms: readonly { user: string; keys: readonly string[] }[],
  again: boolean,
): Promise<Told[]> {
  const told: Told[] = [];
  const messages = select(confirms, 'm');
  if (messages.keys.length > 0) {
    const now = Date.now();
    told.push(...(await db.query<Told>(CONFIRM_MESSAGES, [messages.users, messages.keys, now])));
  }
  const receipts = select(confirms, 'r');
  if (receipts.keys.length > 0) await db.query(CONFIRM_RECEIPTS, [receipts.users, receipts.keys]);
  if (again && messages.users.length > 0) {
    told.push(...(await db.query<Told>(WAITING, [[...new Set(messages.users)]])));
  }
  return told;
}

const CONFIRM_COPIES = {
  name: 'messages-confirm-copies',
  text: `
    WITH gone AS (
      DELETE FROM offline_messages m
      USING unnest($1::text[], $2::text[], $3::text[], $4::bigint[]) AS i (recipient, sender, id, at)
      WHERE m.recipient = i.recipient AND m.sender = i.sender AND m.id = i.id
      RETURNING m.sender, m.id, m.recipient, i.at, m.at AS sent_at
    ), news AS (
      SELECT sender, id, recipient, 'delivered' AS state, NULL AS reason, at, sent_at FROM gone
    ), ${tell('news')}
    SELECT sender AS "from", id, recipient AS "to", told IS NOT NULL AS receipt
    FROM gone LEFT JOIN told USING (sender, id, recipient)`,
};

/** A message that a device confirmed live. */
export interface ConfirmedLive {
  from: string;
  id: string;
  to: string;
  at: number;
}

/**
 * Deletes the mailbox's copies of messages; each becomes a `delivered` receipt in its sender's mailbox, in one statement.
 *
 * @returns those that had a copy; `receipt`: the sender has a new one
 */
export async function confirmCopies(
  db: Database,
  confirmed: readonly ConfirmedLive[],
): Promise<(Omit<ConfirmedLive, 'at'> & { receipt: boolean })[]> {
  if (confirmed.length === 0) return [];
  return db.query(CONFIRM_COPIES, [
    confirmed.map(({ to }) => to),
    confirmed.map(({ from }) => from),
    confirmed.map(({ id }) => id),
    confirmed.map(({ at }) => at),
  ]);
}
