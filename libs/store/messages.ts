import type { Database } from './database.ts';
import { IS_ERASED } from './erasures.ts';
import type { Quotas, QuotaCache } from './quota-cache.ts';

/** The messages of the mailbox. */

export interface StoredMessage {
  from: string;
  id: string;
  to: string;
  /** JSON text */
  body: string;
  /** Milliseconds since the epoch */
  at: number;
  seq?: number | undefined;
  thread?: string | undefined;
  /** When it is of no more use, milliseconds since the epoch. */
  expires?: number | undefined;
  /** Its sender asked for a read receipt. */
  read?: true | undefined;
}

const STORE = {
  name: 'messages-store',
  text: `
    WITH given AS (
      SELECT i.*, ${IS_ERASED} AS erased
      FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::bigint[],
          $10::text[], $11::bigint[], $12::boolean[])
        WITH ORDINALITY AS i (recipient, sender, id, body, at, seq, thread, expires, read, n)
    ), input AS (
      SELECT * FROM given WHERE NOT erased
    ), fresh AS (
      SELECT DISTINCT ON (recipient, sender, id) i.* FROM input i
      WHERE NOT EXISTS (
        SELECT FROM offline_messages m
        WHERE m.recipient = i.recipient AND m.sender = i.sender AND m.id = i.id)
      ORDER BY recipient, sender, id, n
    ), room AS (
      SELECT r.recipient, CASE WHEN r.recipient <> ALL ($9::text[]) THEN $7::integer - (
        SELECT count(*) FROM (
          SELECT FROM offline_messages m WHERE m.recipient = r.recipient LIMIT $7::integer) AS held) END AS free
      FROM (SELECT DISTINCT recipient FROM fresh) AS r
    ), own_room AS (
      SELECT s.recipient, s.sender, $8::integer - (
        SELECT count(*) FROM (
          SELECT FROM offline_messages m
          WHERE m.recipient = s.recipient AND m.sender = s.sender LIMIT $8::integer) AS held) AS free
      FROM (SELECT DISTINCT recipient, sender FROM fresh) AS s
      WHERE $8::integer < $7::integer -- else the mailbox is full before
        AND s.recipient <> ALL ($9::text[])
    ), own AS (
      SELECT f.*, coalesce(row_number() OVER (PARTITION BY recipient, sender ORDER BY n) <= o.free, true) AS fits
      FROM fresh f LEFT JOIN own_room o USING (recipient, sender)
    ), ranked AS (
      -- What its sender has no room for takes nobody else's.
      SELECT own.*, fits AND coalesce(row_number() OVER (PARTITION BY recipient, fits ORDER BY n) <= room.free, true) AS stored
      FROM own JOIN room USING (recipient)
    ), written AS (
      INSERT INTO offline_messages (recipient, sender, id, body, at, seq, thread, expires, read)
      SELECT recipient, sender, id, body, at, seq, thread, expires, read FROM ranked WHERE stored ORDER BY n
      ON CONFLICT DO NOTHING
    )
    SELECT recipient AS "to", sender AS "from", id, CASE WHEN fits THEN 'mailbox' ELSE 'sender' END AS quota, NULL AS free
    FROM ranked WHERE NOT stored
    UNION ALL SELECT recipient, sender, id, 'erased', NULL::integer FROM given WHERE erased
    UNION ALL SELECT recipient, NULL, NULL, NULL, free::integer FROM room WHERE free IS NOT NULL
    UNION ALL SELECT recipient, sender, NULL, NULL, free::integer FROM own_room
    -- A copy that was here already may be here only: the server may have crashed before its standby had it. The commit
    -- waits for the standby only if it has something to write.
    UNION ALL SELECT NULL, NULL, NULL, NULL, NULL FROM (
      SELECT pg_logical_emit_message(true, 'sixfold', '') AS place
      WHERE (SELECT count(*) FROM fresh) < (SELECT count(*) FROM input)) AS marked WHERE place IS NULL`,
};

/** A message that did not fit, or a mailbox (or a sender's part of it) that was counted. */
type StoreRow = (Refused & { free: null }) | { to: string; from: string | null; id: null; free: number };

/** A message that did not fit, and by which quota; or whose receiver was erased after it was accepted. */
export interface Refused extends Pick<StoredMessage, 'to' | 'from' | 'id'> {
  quota: keyof Quotas | 'erased';
}

/** To count a full mailbox takes up to 10 ms: bounds the statement to a second or two. */
const ROWS_AT_A_TIME = 200;

/**
 * Stores messages, each (recipient, sender, id) once: the copy of one that is there already changes nothing.
 *
 * @param quotaCache what is known of the mailboxes' room: two instances that store for the same one at the same time may
 *   exceed its quota
 * @param beyondQuota whether they are stored in any case
 * @returns those that were not stored
 */
export async function storeMessages(
  db: Database,
  messages: readonly StoredMessage[],
  quotaCache: QuotaCache,
  beyondQuota = false,
): Promise<Refused[]> {
  const refused: Refused[] = [];
  for (let from = 0; from < messages.length; from += ROWS_AT_A_TIME)
    refused.push(
      ...(await storeSome(db, messages.slice(from, from + ROWS_AT_A_TIME), quotaCache, beyondQuota)),
    );
  return refused;
}

async function storeSome(
  db: Database,
  messages: readonly StoredMessage[],
  quotaCache: QuotaCache,
  beyondQuota: boolean,
): Promise<Refused[]> {
  const asked = performance.now();
  const rows = await db.query<StoreRow>(STORE, [
    messages.map((m) => m.to),
    messages.map((m) => m.from),
    messages.map((m) => m.id),
    messages.map((m) => m.body),
    messages.map((m) => m.at),
    messages.map((m) => m.seq ?? null),
    quotaCache.quotas.mailbox,
    quotaCache.quotas.sender,
    beyondQuota ? messages.map((m) => m.to) : quotaCache.receiversWithRoom(messages),
    messages.map((m) => m.thread ?? null),
    messages.map((m) => m.expires ?? null),
    messages.map((m) => m.read ?? null),
  ]);
  const refused: Refused[] = [];
  for (const row of rows)
    if (row.id === null) quotaCache.recordCount(row.to, row.from, row.free, asked);
    else refused.push(row);
  quotaCache.recordStored(messages);
  return refused;
}

const HOLDS = {
  name: 'mailbox-holds',
  text: `
    SELECT u AS user, d AS device FROM unnest($1::text[], $2::text[]) AS i (u, d)
    WHERE CASE WHEN EXISTS (SELECT FROM devices WHERE user_id = u) THEN
        EXISTS (SELECT FROM device_copies c WHERE c.recipient = u AND c.device = d)
        OR EXISTS (SELECT FROM device_receipts r WHERE r.recipient = u AND r.device = d)
        OR EXISTS (SELECT FROM device_missed m WHERE m.recipient = u AND m.device = d)
        OR EXISTS (SELECT FROM devices WHERE user_id = u AND device = d) AND (
          EXISTS (SELECT FROM offline_messages m WHERE m.recipient = u)
          OR EXISTS (SELECT FROM offline_receipts r WHERE r.recipient = u))
      ELSE EXISTS (SELECT FROM offline_messages m WHERE m.recipient = u)
        OR EXISTS (SELECT FROM offline_receipts r WHERE r.recipient = u) END`,
};

/** Those of the users' devices that would find something in their mailbox. */
export async function withMail(
  db: Database,
  devices: readonly { user: string; device: string }[],
): Promise<{ user: string; device: string }[]> {
  if (devices.length === 0) return [];
  return db.query(HOLDS, [devices.map(({ user }) => user), devices.map(({ device }) => device)]);
}
