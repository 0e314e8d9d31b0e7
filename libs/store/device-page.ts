import { MAX_OFFLINE_BYTES } from '#libs/protocol/limits.ts';
import type { Database } from './database.ts';
import {
  ENVELOPE_BYTES,
  type EntryRow,
  latest,
  type MailboxPull,
  type Page,
  toPage,
} from './mailbox-page.ts';

/** Reading the mailbox of a synced device, page by page, together with what is in its user's. */

/** An entry, or (without a key) a mailbox that holds none; with what its device missed. */
type PageRow = { n: number; missedKey: string | null; missed: number | null; synced: boolean } & (
  EntryRow | { key: null }
);

/** There is one for each pull. */
const NO_ROW = { synced: true, missedKey: null, missed: null };

const MESSAGE = 'body, at, seq, thread, expires, read';

const PULL = {
  name: 'device-pull',
  text: `
    WITH pull AS (
      SELECT * FROM unnest($1::text[], $2::text[], $3::integer[], $4::bigint[])
        WITH ORDINALITY AS p (recipient, device, most, now, n)
    ), oldest AS (
      SELECT DISTINCT ON (recipient, device) m.* FROM device_missed m JOIN pull USING (recipient, device)
      ORDER BY recipient, device, m.key
    ), handed AS (
      UPDATE device_missed m SET handed = true FROM oldest o
      WHERE m.recipient = o.recipient AND m.device = o.device AND m.key = o.key AND NOT m.handed
      RETURNING m.recipient, m.device, m.count
    )
    SELECT p.n::integer, e.key, e.kind, e.peer, e.id, e.at, e.seq, e.thread, e.expires, e.read, e.state, e.reason, e.fits,
           CASE WHEN e.fits THEN e.body END AS body, e.sent_to AS "sentTo",
           o.key AS "missedKey", coalesce(h.count, o.count) AS missed,
           EXISTS (SELECT FROM devices d WHERE d.user_id = p.recipient AND d.device = p.device) AS synced
    FROM pull p
    LEFT JOIN oldest o USING (recipient, device) LEFT JOIN handed h USING (recipient, device)
    LEFT JOIN LATERAL (
      SELECT *, sum(octet_length(coalesce(body, '')) + octet_length(peer) + octet_length(id)
                    + coalesce(octet_length(thread), 0) + coalesce(octet_length(sent_to), 0) + ${ENVELOPE_BYTES})
                  OVER (ORDER BY key) <= ${MAX_OFFLINE_BYTES} AS fits
      FROM (
        (SELECT c.key, 'c' AS kind, m.sender AS peer, m.id, ${MESSAGE}, sent_to, NULL AS state, NULL AS reason
         FROM device_copies c JOIN device_messages m USING (recipient, sender, id)
         WHERE c.recipient = p.recipient AND c.device = p.device AND m.body IS NOT NULL
           AND (m.expires IS NULL OR m.expires > p.now)
         ORDER BY c.key LIMIT p.most + 1)
        UNION ALL
        (SELECT key, 'd', peer, id, NULL, at, NULL, NULL, NULL, NULL, NULL, state, reason
         FROM device_receipts WHERE recipient = p.recipient AND device = p.device ORDER BY key LIMIT p.most + 1)
        UNION ALL
        (SELECT key, 'm', sender, id, ${MESSAGE}, NULL, NULL, NULL
         FROM offline_messages WHERE recipient = p.recipient AND (expires IS NULL OR expires > p.now)
         ORDER BY key LIMIT p.most + 1)
        UNION ALL
        (SELECT key, 'r', peer, id, NULL, at, NULL, NULL, NULL, NULL, NULL, state, reason
         FROM offline_receipts WHERE recipient = p.recipient ORDER BY key LIMIT p.most + 1)
        ORDER BY key LIMIT p.most + 1
      ) AS entries
    ) AS e ON true
    ORDER BY p.n, e.key`,
};

/** The first entry alone may be larger than a page; its body was left out of the page query then. */
const BODY = {
  name: 'device-body',
  text: `
    SELECT body FROM offline_messages WHERE $3 = 'm' AND recipient = $1 AND key = $4::bigint
    UNION ALL
    SELECT m.body FROM device_copies c JOIN device_messages m USING (recipient, sender, id)
    WHERE $3 = 'c' AND c.recipient = $1 AND c.device = $2 AND c.key = $4::bigint`,
};

/** What a synced device asks for. */
export interface DevicePull extends Pick<MailboxPull, 'user' | 'limit' | 'now'> {
  device: string;
}

/**
 * The oldest entries for synced devices. What a device missed is handed out with each page until it is confirmed.
 *
 * @returns a page for each, in the same order
 */
export async function readDevicePages(
  db: Database,
  pulls: readonly DevicePull[],
  now = Date.now(),
): Promise<Page[]> {
  const rows = await db.query<PageRow>(PULL, [
    pulls.map((p) => p.user),
    pulls.map((p) => p.device),
    pulls.map((p) => p.limit),
    pulls.map((p) => latest(p, now)),
  ]);
  const byPull = Map.groupBy(rows, (row) => row.n - 1);
  return Promise.all(
    pulls.map(async ({ user, device, limit }, n) => {
      const all = byPull.get(n) ?? [];
      const entries = all.filter((row): row is PageRow & EntryRow => row.key !== null);
      const page = await toPage(
        user,
        limit,
        entries,
        async (_, { kind, key }) =>
          (await db.query<{ body: string | null }>(BODY, [user, device, kind, key]))[0]?.body ?? undefined,
      );
      const { synced, missedKey, missed } = all[0] ?? NO_ROW;
      if (!synced) page.unsynced = true;
      if (missedKey !== null && missed !== null) page.missed = { key: `x${missedKey}`, count: missed };
      return page;
    }),
  );
}
