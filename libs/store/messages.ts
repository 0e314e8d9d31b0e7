import type { Database } from './database.ts';

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
}

const STORE = {
  name: 'messages-store',
  text: `
    WITH input AS (
      SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::bigint[])
        WITH ORDINALITY AS i (recipient, sender, id, body, at, seq, n)
    ), fresh AS (
      SELECT DISTINCT ON (recipient, sender, id) i.* FROM input i
      WHERE NOT EXISTS (
        SELECT FROM offline_messages m
        WHERE m.recipient = i.recipient AND m.sender = i.sender AND m.id = i.id)
      ORDER BY recipient, sender, id, n
    ), room AS (
      SELECT r.recipient, $7::integer - (
        SELECT count(*) FROM (
          SELECT FROM offline_messages m WHERE m.recipient = r.recipient LIMIT $7::integer) AS held) AS free
      FROM (SELECT DISTINCT recipient FROM fresh) AS r
    ), ranked AS (
      SELECT f.*, room.free, row_number() OVER (PARTITION BY recipient ORDER BY n) AS rank
      FROM fresh f JOIN room USING (recipient)
    ), written AS (
      INSERT INTO offline_messages (recipient, sender, id, body, at, seq)
      SELECT recipient, sender, id, body, at, seq FROM ranked WHERE rank <= free ORDER BY n
      ON CONFLICT DO NOTHING
    )
    SELECT recipient AS "to", sender AS "from", id FROM ranked WHERE rank > free`,
};

/** A message that did not fit. */
export type Refused = Pick<StoredMessage, 'to' | 'from' | 'id'>;

/** To count a full mailbox takes up to 10 ms: bounds the statement to a second or two. */
const ROWS_AT_A_TIME = 200;

/**
 * Stores messages, each (recipient, sender, id) once: the copy of one that is there already changes nothing.
 *
 * @param quota most messages of one mailbox. Two instances that store for the same mailbox at the same moment may
 *   exceed it by a batch.
 * @returns those that did not fit
 */
export async function storeMessages(
  db: Database,
  messages: readonly StoredMessage[],
  quota: number,
): Promise<Refused[]> {
  const refused: Refused[] = [];
  for (let from = 0; from < messages.length; from += ROWS_AT_A_TIME)
    refused.push(...(await storeSome(db, messages.slice(from, from + ROWS_AT_A_TIME), quota)));
  return refused;
}

function storeSome(db: Database, messages: readonly StoredMessage[], quota: number): Promise<Refused[]> {
  return db.query(STORE, [
    messages.map((m) => m.to),
    messages.map((m) => m.from),
    messages.map((m) => m.id),
    messages.map((m) => m.body),
    messages.map((m) => m.at),
    messages.map((m) => m.seq ?? null),
    quota,
  ]);
}

const HOLDS = {
  name: 'mailbox-holds',
  text: `
    SELECT u AS user FROM unnest($1::text[]) AS u
    WHERE EXISTS (SELECT FROM offline_messages m WHERE m.recipient = u)
       OR EXISTS (SELECT FROM offline_receipts r WHERE r.recipient = u)`,
};

/** Those of the users whose mailbox holds something. */
export async function withMail(db: Database, users: readonly string[]): Promise<Set<string>> {
  if (users.length === 0) return new Set();
  return new Set((await db.query<{ user: string }>(HOLDS, [users])).map(({ user }) => user));
}
