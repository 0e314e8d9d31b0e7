import { messageKey } from '#libs/protocol/names.ts';
import type { Database } from './database.ts';
import type { CopiedMessage } from './copied-message.ts';
import { IS_ERASED } from './erasures.ts';
import type { QuotaCache } from './quota-cache.ts';
import { withoutCopies } from './unplaced-copies.ts';

/** The copies of messages in the mailboxes of synced devices. */

/**
 * What became of it. `kept`: a device has it live or has confirmed it, or there is nobody to tell. `stored`: every copy
 * waits in a mailbox. `full`: there was room for none, in the devices' mailboxes or (`sender_full`) in the sender's part
 * of them. `gone`: the device that it was for is none any more, and no other has it. `no_devices`: the user has none, or was erased after it was accepted.
 */
export type CopiesOutcome = 'kept' | 'stored' | 'full' | 'sender_full' | 'gone' | 'no_devices';

/** What became of messages, in their order; `missed`, `expired`: copies that devices without room, or too late, are told of. */
export interface StoredCopies {
  outcomes: CopiesOutcome[];
  missed: number;
  expired: number;
}

/** The stored column, or that of the new copy where the row held no message. */
const first = (column: string) =>
  `${column} = CASE WHEN device_messages.body IS NULL THEN excluded.${column} ELSE device_messages.${column} END`;
const union = (column: string) =>
  `${column} = ARRAY(SELECT DISTINCT unnest(device_messages.${column} || excluded.${column}))`;

const STORE = {
  name: 'copies-store',
  text: `
    WITH input AS (
      SELECT i.recipient, i.sender, i.id, i.body, i.at, i.seq, i.thread, i.expires, i.read, i.sent_to,
        string_to_array(i.all_but, ' ') AS all_but, string_to_array(i.live, ' ') AS live,
        string_to_array(i.back, ' ') AS back, i.delivered, i.overdue, i.n
      FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::text[], $8::bigint[],
          $9::boolean[], $10::text[], $11::text[], $12::text[], $13::text[], $14::boolean[], $15::boolean[])
        WITH ORDINALITY AS i (recipient, sender, id, body, at, seq, thread, expires, read, sent_to, all_but, live, back, delivered, overdue, n)
      WHERE NOT ${IS_ERASED}), device AS (
      -- Held until the copies are there: removing a device waits for it.
      SELECT user_id AS recipient, device FROM devices WHERE user_id = ANY ($1::text[])
      ORDER BY user_id, device FOR KEY SHARE
    ), wanted AS (
      SELECT i.n, recipient, d.device, i.sender, i.id, false AS beyond, i.overdue
      FROM input i JOIN device d USING (recipient)
      WHERE i.all_but IS NOT NULL AND d.device <> ALL (i.all_but)
      UNION ALL
      SELECT i.n, recipient, device, i.sender, i.id, b.beyond, b.overdue
      FROM unnest($16::integer[], $17::text[], $18::boolean[], $19::boolean[]) AS b (n, device, beyond, overdue)
      JOIN input i USING (n) JOIN device d USING (recipient, device)
    ), fresh AS (
      SELECT w.* FROM wanted w WHERE NOT EXISTS (
        SELECT FROM device_copies c
        WHERE c.recipient = w.recipient AND c.sender = w.sender AND c.id = w.id AND c.device = w.device)
    ), room AS (
      SELECT recipient, device, CASE WHEN recipient || ' ' || device <> ALL ($22::text[]) THEN $20::integer - (
        SELECT count(*) FROM (
          SELECT FROM device_copies c WHERE c.recipient = r.recipient AND c.device = r.device LIMIT $20::integer) AS held)
        END AS free
      FROM (SELECT DISTINCT recipient, device FROM fresh) AS r
    ), own_room AS (
      SELECT recipient, device, sender, $21::integer - (
        SELECT count(*) FROM (
          SELECT FROM device_copies c
          WHERE c.recipient = r.recipient AND c.device = r.device AND c.sender = r.sender LIMIT $21::integer) AS held)
        AS free
      FROM (SELECT DISTINCT recipient, device, sender FROM fresh) AS r
      WHERE $21::integer < $20::integer -- else the mailbox is full before
        AND recipient || ' ' || device <> ALL ($22::text[])
    ), own AS (
      SELECT f.*, f.beyond OR coalesce(
        row_number() OVER (PARTITION BY recipient, device, sender, beyond, overdue ORDER BY n) <= o.free, true) AS fits
      FROM fresh f LEFT JOIN own_room o USING (recipient, device, sender)
    ), ranked AS (
      SELECT own.*, NOT overdue AND (beyond OR (fits AND coalesce(
        row_number() OVER (PARTITION BY recipient, device, fits, beyond, overdue ORDER BY n) <= room.free, true)))
        AS stored
      FROM own JOIN room USING (recipient, device)
    ), held AS (
      SELECT i.n,
        EXISTS (SELECT FROM ranked r WHERE r.n = i.n AND r.stored) OR EXISTS (
          SELECT FROM device_copies c WHERE c.recipient = i.recipient AND c.sender = i.sender AND c.id = i.id) AS held,
        EXISTS (SELECT FROM ranked r WHERE r.n = i.n AND r.stored) AS stores,
        ARRAY(SELECT r.device FROM ranked r WHERE r.n = i.n AND NOT r.stored) AS dropped,
        EXISTS (SELECT FROM ranked r WHERE r.n = i.n AND NOT r.stored AND NOT r.overdue) AS was_full,
        EXISTS (SELECT FROM ranked r WHERE r.n = i.n AND NOT r.stored AND NOT r.overdue AND r.fits) AS no_room
      FROM input i
    ), message AS (
      INSERT INTO device_messages
        (recipient, sender, id, body, at, seq, thread, expires, read, sent_to, live, back, delivered, dropped, idle_at)
      SELECT recipient, sender, id, body, at, seq, thread, expires, read, sent_to, live, back, delivered, dropped,
        CASE WHEN NOT held.held THEN now() WHEN NOT stores THEN '-infinity' END
      FROM input JOIN held USING (n)
      WHERE cardinality(live) > 0 OR n IN (SELECT n FROM wanted)
      ORDER BY recipient, sender, id
      ON CONFLICT (recipient, sender, id) DO UPDATE SET
        ${['at', 'seq', 'thread', 'expires', 'read', 'sent_to', 'body'].map(first).join(', ')},
        ${['live', 'dropped'].map(union).join(', ')},
        -- With nobody there now, live copies that were to go out before (by an instance that is gone) count as returned.
        -- A session that gets another live copy has not returned that one.
        back = CASE WHEN cardinality(excluded.live) = 0 THEN device_messages.live
          WHEN cardinality(excluded.back) = 0
            THEN ARRAY(SELECT unnest(device_messages.back) EXCEPT SELECT unnest(excluded.live))
          ELSE ARRAY(SELECT DISTINCT unnest(device_messages.back || excluded.back)) END,
        waited = device_messages.waited OR device_messages.body IS NOT NULL AND device_messages.live <@ device_messages.back,
        delivered = device_messages.delivered OR excluded.delivered,
        -- A copy that was there may have been the last one, and be confirmed by now.
        revision = device_messages.revision + 1,
        idle_at = CASE excluded.idle_at WHEN '-infinity' THEN device_messages.idle_at ELSE excluded.idle_at END
      RETURNING recipient, sender, id, delivered, live <@ back AS settled
    ), copies AS (
      INSERT INTO device_copies (recipient, device, sender, id)
      SELECT recipient, device, sender, id FROM ranked WHERE stored ORDER BY n, device
      ON CONFLICT DO NOTHING
    ), lost AS (
      -- What lives on elsewhere; once, also if the statement is repeated.
      SELECT r.n, r.recipient, r.device, r.overdue
      FROM ranked r JOIN held USING (n) JOIN message m USING (recipient, sender, id)
        LEFT JOIN device_messages before USING (recipient, sender, id)
      WHERE NOT r.stored AND (held.held OR m.delivered OR NOT m.settled)
        AND r.device <> ALL (coalesce(before.dropped, '{}'))
    ), missed AS (
      INSERT INTO device_missed (recipient, device, count)
      SELECT recipient, device, count(*) FROM lost GROUP BY recipient, device ORDER BY recipient, device
      ON CONFLICT (recipient, device) WHERE NOT handed DO UPDATE SET count = device_missed.count + excluded.count
    )
    SELECT n::integer, message.delivered, settled, held.held,
      CASE WHEN no_room THEN 'full' WHEN was_full THEN 'sender_full' END AS full,
      (SELECT count(*) FROM lost WHERE lost.n = input.n AND NOT overdue)::integer AS missed,
      (SELECT count(*) FROM lost WHERE lost.n = input.n AND overdue)::integer AS expired,
      recipient IN (SELECT recipient FROM device) AS synced, NULL AS "to", NULL AS "from", NULL::integer AS free
    FROM input JOIN held USING (n) LEFT JOIN message USING (recipient, sender, id)
    UNION ALL
    SELECT NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, recipient || ' ' || device, NULL, free::integer
    FROM room WHERE free IS NOT NULL
    UNION ALL
    SELECT NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, recipient || ' ' || device, sender, free::integer FROM own_room`,
};

type StoreRow =
  | {
      n: number;
      delivered: boolean | null;
      settled: boolean;
      held: boolean;
      full: 'full' | 'sender_full' | null;
      missed: number;
      expired: number;
      synced: boolean;
    }
  | { n: null; to: string; from: string | null; free: number };

/** Counting full mailboxes takes up to 10 ms each: bounds the statement to a second or two. */
const MESSAGES_AT_A_TIME = 100;

/**
 * Stores copies, each (user, device, sender, id) once. Of two that meet, the first one's `at` stays.
 *
 * @param messages each (to, from, id) at most once
 */
export async function storeCopies(
  db: Database,
  messages: readonly CopiedMessage[],
  quotaCache: QuotaCache,
): Promise<StoredCopies> {
  const all: StoredCopies = { outcomes: [], missed: 0, expired: 0 };
  for (let from = 0; from < messages.length; from += MESSAGES_AT_A_TIME) {
    const some = await storeSome(db, messages.slice(from, from + MESSAGES_AT_A_TIME), quotaCache);
    all.outcomes.push(...some.outcomes);
    all.missed += some.missed;
    all.expired += some.expired;
  }
  return all;
}

async function storeSome(
  db: Database,
  messages: readonly CopiedMessage[],
  quotaCache: QuotaCache,
): Promise<StoredCopies> {
  const asked = performance.now();
  const { mailbox, sender } = quotaCache.quotas;
  const mailboxes = messages.flatMap(mailboxesOf);
  const roomy = quotaCache.receiversWithRoom(mailboxes);
  const rows = await db.query<StoreRow>(STORE, [...columns(messages), mailbox, sender, roomy]);
  const outcomes: CopiesOutcome[] = messages.map(() => 'no_devices');
  const unplaced: number[] = [];
  const counts = { missed: 0, expired: 0 };
  for (const row of rows) {
    if (row.n === null) {
      quotaCache.recordCount(row.to, row.from, row.free, asked);
      continue;
    }
    counts.missed += row.missed;
    counts.expired += row.expired;
    if (row.delivered === null) continue;
    if (row.delivered || !row.settled) outcomes[row.n - 1] = 'kept';
    else if (row.held) outcomes[row.n - 1] = 'stored';
    else {
      outcomes[row.n - 1] = row.full ?? (row.synced ? 'gone' : 'no_devices');
      unplaced.push(row.n - 1);
    }
  }
  quotaCache.recordStored(mailboxes);
  const nowhere = await withoutCopies(
    db,
    unplaced.flatMap((n) => messages[n] ?? []),
  );
  for (const n of unplaced) if (messages[n] && !nowhere.has(messageKey(messages[n]))) outcomes[n] = 'stored';
  return { outcomes, ...counts };
}

/** The mailboxes that a message may take room in, as the quota cache names them. */
function mailboxesOf({ to, from, known = [], allBut, devices = [] }: CopiedMessage) {
  const all = allBut ? known.filter((device) => !allBut.includes(device)) : [];
  return [...all, ...devices.map(({ device }) => device)].map((device) => ({ to: `${to} ${device}`, from }));
}

function columns(messages: readonly CopiedMessage[]): unknown[] {
  const back = messages.flatMap(({ devices = [] }, n) => devices.map((one) => ({ n: n + 1, ...one })));
  return [
    messages.map((m) => m.to),
    messages.map((m) => m.from),
    messages.map((m) => m.id),
    messages.map((m) => m.body),
    messages.map((m) => m.at),
    messages.map((m) => m.seq ?? null),
    messages.map((m) => m.thread ?? null),
    messages.map((m) => m.expires ?? null),
    messages.map((m) => m.read ?? null),
    messages.map((m) => m.sentTo ?? null),
    messages.map((m) => m.allBut?.join(' ') ?? null),
    messages.map((m) => m.live.join(' ')),
    messages.map((m) => m.back.join(' ')),
    messages.map((m) => m.confirmed === true || m.sentTo !== undefined),
    messages.map((m) => m.overdue === true),
    back.map(({ n }) => n),
    back.map(({ device }) => device),
    back.map(({ beyondQuota }) => beyondQuota),
    back.map(({ overdue }) => overdue),
  ];
}
