import { MAX_OFFLINE_BYTES } from '#libs/protocol/limits.ts';
import type { DeliveryState, RejectReason } from '#libs/protocol/names.ts';
import type { Database } from './database.ts';
import type { StoredMessage } from './messages.ts';
import type { StoredReceipt } from './receipts.ts';

/** Reading a mailbox, page by page. */

export interface Page {
  messages: (StoredMessage & { key: string })[];
  receipts: (Omit<StoredReceipt, 'user'> & { key: string })[];
  /** The mailbox holds more than this. */
  more: boolean;
}

interface Row {
  n: number;
  key: string;
  kind: 'm' | 'r';
  peer: string;
  id: string;
  body: string | null;
  at: string;
  seq: string | null;
  thread: string | null;
  read: boolean | null;
  state: DeliveryState | null;
  reason: RejectReason | null;
  fits: boolean;
}

/** Bytes of an entry in an offline:N beside its names and body: field names, key, numbers, punctuation. */
const ENVELOPE_BYTES = 200;

const PULL = {
  name: 'mailbox-pull',
  text: `
    SELECT p.n::integer, e.key, e.kind, e.peer, e.id, e.at, e.seq, e.thread, e.read, e.state, e.reason, e.fits,
           CASE WHEN e.fits THEN e.body END AS body
    FROM unnest($1::text[], $2::integer[]) WITH ORDINALITY AS p (recipient, most, n)
    CROSS JOIN LATERAL (
      SELECT *, sum(octet_length(coalesce(body, '')) + octet_length(peer) + octet_length(id)
                    + coalesce(octet_length(thread), 0) + ${ENVELOPE_BYTES})
                  OVER (ORDER BY key) <= ${MAX_OFFLINE_BYTES} AS fits
      FROM (
        (SELECT key, 'm' AS kind, sender AS peer, id, body, at, seq, thread, read, NULL AS state, NULL AS reason
         FROM offline_messages WHERE recipient = p.recipient AND (expires IS NULL OR expires > $3)
         ORDER BY key LIMIT p.most + 1)
        UNION ALL
        (SELECT key, 'r', peer, id, NULL, at, NULL, NULL, NULL, state, reason
         FROM offline_receipts WHERE recipient = p.recipient ORDER BY key LIMIT p.most + 1)
        ORDER BY key LIMIT p.most + 1
      ) AS entries
    ) AS e
    ORDER BY p.n, e.key`,
};

/** The first entry alone may be larger than a page; its body was left out of the page query then. */
const BODY = {
  name: 'mailbox-body',
  text: 'SELECT body FROM offline_messages WHERE recipient = $1 AND key = $2::bigint',
};

/**
 * The oldest entries of mailboxes, messages and receipts together, without messages that expired.
 *
 * @param pulls whose, and how many at most
 * @returns a page for each, in the same order
 */
export async function readMailboxPages(
  db: Database,
  pulls: readonly { user: string; limit: number }[],
  now = Date.now(),
): Promise<Page[]> {
  const rows = await db.query<Row>(PULL, [pulls.map((p) => p.user), pulls.map((p) => p.limit), now]);
  const byPull = Map.groupBy(rows, (row) => row.n - 1);
  return Promise.all(pulls.map(({ user, limit }, n) => toPage(db, user, limit, byPull.get(n) ?? [])));
}

async function toPage(db: Database, user: string, limit: number, rows: Row[]): Promise<Page> {
  const taken = rows.filter((row, n) => n < limit && (row.fits || n === 0));
  const page: Page = { messages: [], receipts: [], more: taken.length < rows.length };
  for (const row of taken) {
    const { id, peer } = row;
    const [key, at] = [row.kind + row.key, Number(row.at)];
    if (row.kind === 'r') {
      // The columns that a receipt always has are null in the union's other half only.
      const state = row.state ?? 'stored';
      page.receipts.push({ key, id, to: peer, state, at, ...(row.reason && { reason: row.reason }) });
      continue;
    }
    const body = row.body ?? (await db.query<{ body: string }>(BODY, [user, row.key]))[0]?.body;
    if (body === undefined) continue; // confirmed by another device meanwhile
    page.messages.push({
      key,
      id,
      from: peer,
      to: user,
      body,
      at,
      ...(row.seq !== null && { seq: Number(row.seq) }),
      ...(row.thread !== null && { thread: row.thread }),
      ...(row.read === true && { read: true }),
    });
  }
  return page;
}
