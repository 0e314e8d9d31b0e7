import { MAX_OFFLINE_BYTES } from '#libs/protocol/limits.ts';
import type { DeliveryState, Receivers, RejectReason } from '#libs/protocol/names.ts';
import type { Database } from './database.ts';
import type { StoredMessage } from './messages.ts';
import type { StoredReceipt } from './receipts.ts';

/** Reading a mailbox, page by page. */

export interface Page {
  messages: (StoredMessage & { key: string; sentTo?: Receivers })[];
  receipts: (Omit<StoredReceipt, 'user'> & { key: string })[];
  /** The mailbox holds more than this. */
  more: boolean;
  missed?: { key: string; count: number };
  /** The device that it was asked for is not a synced one. */
  unsynced?: true;
}

/** An entry as read. `kind`: message or receipt of the user's mailbox, copy or receipt (d) of a device's. */
export interface EntryRow {
  n: number;
  key: string;
  kind: 'm' | 'r' | 'c' | 'd';
  peer: string;
  id: string;
  body: string | null;
  at: string;
  seq: string | null;
  thread: string | null;
  expires: string | null;
  read: boolean | null;
  state: DeliveryState | null;
  reason: RejectReason | null;
  fits: boolean;
  sentTo?: string | null;
}

/** Bytes of an entry in an offline:N beside its names and body: field names, key, numbers, punctuation. */
export const ENVELOPE_BYTES = 200;

const PULL = {
  name: 'mailbox-pull',
  text: `
    SELECT p.n::integer, e.key, e.kind, e.peer, e.id, e.at, e.seq, e.thread, e.expires, e.read, e.state, e.reason, e.fits,
           CASE WHEN e.fits THEN e.body END AS body
    FROM (
      -- Sessions that are not synced find nothing, where their user has synced devices.
      SELECT * FROM unnest($1::text[], $2::integer[], $3::bigint[], $4::boolean[])
        WITH ORDINALITY AS i (recipient, most, now, whole, n)
      WHERE i.whole OR NOT EXISTS (SELECT FROM devices d WHERE d.user_id = i.recipient)
    ) AS p
    CROSS JOIN LATERAL (
      SELECT *, sum(octet_length(coalesce(body, '')) + octet_length(peer) + octet_length(id)
                    + coalesce(octet_length(thread), 0) + ${ENVELOPE_BYTES})
                  OVER (ORDER BY key) <= ${MAX_OFFLINE_BYTES} AS fits
      FROM (
        (SELECT key, 'm' AS kind, sender AS peer, id, body, at, seq, thread, expires, read, NULL AS state, NULL AS reason
         FROM offline_messages WHERE recipient = p.recipient AND (expires IS NULL OR expires > p.now)
         ORDER BY key LIMIT p.most + 1)
        UNION ALL
        (SELECT key, 'r', peer, id, NULL, at, NULL, NULL, NULL, NULL, state, reason
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

/** What a session, or a back end, asks for. */
export interface MailboxPull {
  user: string;
  limit: number;
  /** Also where the user has synced devices. */
  whole?: true | undefined;
  /** The clock of the one that asks: it may be ahead of this one, and what it calls expired is not for it. */
  now?: number | undefined;
}

/** The time by which what a pull finds must not have expired. */
export const latest = ({ now = 0 }: Pick<MailboxPull, 'now'>, here: number) => Math.max(now, here);

/**
 * The oldest entries of mailboxes, messages and receipts together, without messages that expired.
 *
 * @param pulls whose, and how many at most
 * @returns a page for each, in the same order
 */
export async function readMailboxPages(
  db: Database,
  pulls: readonly MailboxPull[],
  now = Date.now(),
): Promise<Page[]> {
  const rows = await db.query<EntryRow>(PULL, [
    pulls.map((p) => p.user),
    pulls.map((p) => p.limit),
    pulls.map((p) => latest(p, now)),
    pulls.map((p) => p.whole === true),
  ]);
  const byPull = Map.groupBy(rows, (row) => row.n - 1);
  const readBody = async (user: string, { key }: EntryRow) =>
    (await db.query<{ body: string }>(BODY, [user, key]))[0]?.body;
  return Promise.all(pulls.map(({ user, limit }, n) => toPage(user, limit, byPull.get(n) ?? [], readBody)));
}

/** @param readBody reads a body that the query left out; undefined: the entry is gone meanwhile */
export async function toPage(
  user: string,
  limit: number,
  rows: EntryRow[],
  readBody: (user: string, row: EntryRow) => Promise<string | undefined>,
): Promise<Page> {
  const taken = rows.filter((row, n) => n < limit && (row.fits || n === 0));
  const page: Page = { messages: [], receipts: [], more: taken.length < rows.length };
  for (const row of taken) {
    const { id, peer, kind } = row;
    const [key, at] = [kind + row.key, Number(row.at)];
    if (kind === 'r' || kind === 'd') {
      // The columns that a receipt always has are null in the union's other half only.
      const state = row.state ?? 'stored';
      page.receipts.push({ key, id, to: peer, state, at, ...(row.reason && { reason: row.reason }) });
      continue;
    }
    const body = row.body ?? (await readBody(user, row));
    if (body === undefined) continue; // confirmed meanwhile
    page.messages.push({ key, id, from: peer, to: user, body, at, ...optionalFields(row) });
  }
  return page;
}

const optionalFields = ({ seq, thread, expires, read, sentTo }: EntryRow) => ({
  ...(seq !== null && { seq: Number(seq) }),
  ...(thread !== null && { thread }),
  ...(expires !== null && { expires: Number(expires) }),
  ...(read === true && { read: true as const }),
  ...(typeof sentTo === 'string' && { sentTo: JSON.parse(sentTo) as Receivers }),
});
