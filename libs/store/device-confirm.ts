import type { Database } from './database.ts';
import { type ConfirmedLive, KEY, type Told } from './confirm.ts';
import { deciding, messageEvents } from './deciding-statement.ts';
import { tell } from './tell.ts';

/** Confirmations of messages for users with synced devices. The first one settles a message for its sender only. */

/** What a session of a synced device confirmed by key. */
export interface DeviceConfirm {
  user: string;
  device: string;
  keys: readonly string[];
}

/**
 * Messages of `touched` (recipient, sender, id), and whether no copy of theirs is left beside those in `gone`; `changed`: a
 * statement of the same moment has added or deleted copies, which this one does not see. Locked, so that `delivered` is what
 * it is now: an update that only looks at the row would find it neither before nor after a confirmation of the same moment.
 */
const left = (touched: string, gone?: string) => `
  SELECT m.recipient, m.sender, m.id, m.revision <> s.revision AS changed, m.delivered, NOT EXISTS (
    SELECT FROM device_copies c WHERE c.recipient = m.recipient AND c.sender = m.sender AND c.id = m.id
      ${gone === undefined ? '' : `AND (c.recipient, c.device, c.key) NOT IN (SELECT recipient, device, key FROM ${gone})`}
  ) AS last
  FROM device_messages m JOIN device_messages s USING (recipient, sender, id)
    JOIN (SELECT DISTINCT recipient, sender, id FROM ${touched}) AS t USING (recipient, sender, id)
  ORDER BY m.recipient, m.sender, m.id FOR UPDATE OF m`;

/**
 * Without a copy a row is kept for a while, for sessions that still have the message live; its body is not. Where copies
 * changed, the sweep finds out whether any is left (device-retention.ts).
 */
const IDLE = `
  idle_at = CASE WHEN h.last OR h.changed THEN now() ELSE m.idle_at END,
  body = CASE WHEN h.last AND NOT h.changed THEN NULL ELSE m.body END`;
const SAME = 'm.recipient = h.recipient AND m.sender = h.sender AND m.id = h.id';

const CONFIRM_COPIES = deciding(
  'copies-confirm',
  ['message.delivered'],
  4,
  (record) => `
    WITH gone AS (
      DELETE FROM device_copies c USING unnest($1::text[], $2::text[], $3::bigint[]) AS i (recipient, device, key)
      WHERE c.recipient = i.recipient AND c.device = i.device AND c.key = i.key
      RETURNING c.recipient, c.device, c.key, c.sender, c.id
    ), header AS (${left('gone', 'gone')}
    ), confirmed AS (
      UPDATE device_messages m SET delivered = true, ${IDLE} FROM header h WHERE ${SAME} AND NOT h.delivered
      RETURNING m.sender, m.id, m.recipient, m.thread, m.at AS sent_at
    ), idle AS (
      UPDATE device_messages m SET ${IDLE} FROM header h WHERE ${SAME} AND h.delivered AND (h.last OR h.changed)
    ), news AS (
      SELECT sender, id, recipient, thread, 'delivered' AS state, NULL AS reason, $4::bigint AS at, sent_at FROM confirmed
    ), ${tell('news')}${record(messageEvents('message.delivered', 'news'))}
    SELECT sender, by, count(told)::integer AS receipts
    FROM (SELECT DISTINCT sender, recipient AS by FROM confirmed) AS named
      LEFT JOIN (SELECT sender, recipient AS by, id FROM told) AS told USING (sender, by)
    GROUP BY sender, by`,
);

const deleteByKey = (table: string) => `
    DELETE FROM ${table} r USING unnest($1::text[], $2::text[], $3::bigint[]) AS i (recipient, device, key)
    WHERE r.recipient = i.recipient AND r.device = i.device AND r.key = i.key`;
const CONFIRM_RECEIPTS = { name: 'device-receipts-confirm', text: deleteByKey('device_receipts') };
const CONFIRM_MISSED = { name: 'missed-confirm', text: `${deleteByKey('device_missed')} AND r.handed` };

/** Deletes what devices confirmed in their own mailboxes. @returns who has a receipt */
export async function confirmDeviceEntries(
  db: Database,
  confirms: readonly DeviceConfirm[],
): Promise<Told[]> {
  const copies = select(confirms, 'c');
  const told = copies[2].length > 0 ? await db.query<Told>(CONFIRM_COPIES, [...copies, Date.now()]) : [];
  const receipts = select(confirms, 'd');
  if (receipts[2].length > 0) await db.query(CONFIRM_RECEIPTS, receipts);
  const missed = select(confirms, 'x');
  if (missed[2].length > 0) await db.query(CONFIRM_MISSED, missed);
  return told;
}

function select(confirms: readonly DeviceConfirm[], kind: 'c' | 'd' | 'x'): [string[], string[], string[]] {
  const columns: [string[], string[], string[]] = [[], [], []];
  for (const { user, device, keys } of confirms)
    for (const key of keys) {
      const [, of, number] = KEY.exec(key) ?? [];
      if (of !== kind || number === undefined) continue;
      columns[0].push(user);
      columns[1].push(device);
      columns[2].push(number);
    }
  return columns;
}

const CONFIRM_LIVE = {
  name: 'copies-confirm-live',
  text: `
    WITH input AS (
      SELECT DISTINCT ON (recipient, sender, id) * FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[])
        AS i (recipient, sender, id, at)
    ), header AS (${left('input')}
    ), confirmed AS (
      UPDATE device_messages m SET delivered = true, ${IDLE} FROM header h WHERE ${SAME} AND NOT h.delivered
      RETURNING m.sender, m.id, m.recipient, m.at AS sent_at, m.waited OR m.live <@ m.back AS stored
    ), news AS (
      SELECT sender, id, recipient, 'delivered' AS state, NULL AS reason, i.at, sent_at
      FROM confirmed JOIN input i USING (sender, id, recipient) WHERE stored
    ), ${tell('news')}
    SELECT sender AS "from", id, recipient AS "to", told IS NOT NULL AS receipt
    FROM news LEFT JOIN told USING (sender, id, recipient)`,
};

/**
 * A device confirmed messages live: their copies for other devices stay, and are nobody's news any more. Where the
 * sender has been told `stored`, `delivered` follows through its mailbox.
 *
 * @returns those messages; `receipt`: the sender has a new one
 */
export async function confirmLiveCopies(
  db: Database,
  confirmed: readonly ConfirmedLive[],
): Promise<(Omit<ConfirmedLive, 'at'> & { receipt: boolean })[]> {
  if (confirmed.length === 0) return [];
  return db.query(CONFIRM_LIVE, [
    confirmed.map(({ to }) => to),
    confirmed.map(({ from }) => from),
    confirmed.map(({ id }) => id),
    confirmed.map(({ at }) => at),
  ]);
}

const MARK = {
  name: 'copies-mark-confirmed',
  text: `
    INSERT INTO device_messages AS m (recipient, sender, id, delivered, idle_at)
    SELECT DISTINCT recipient, sender, id, true, now() FROM unnest($1::text[], $2::text[], $3::text[])
      AS i (recipient, sender, id)
    -- Of an erased user nothing is stored, unless the user is here again.
    WHERE NOT EXISTS (SELECT FROM user_revocations e WHERE e.user_id = i.recipient AND e.erased_at IS NOT NULL)
      OR EXISTS (SELECT FROM devices d WHERE d.user_id = i.recipient)
    ORDER BY 1, 2, 3
    ON CONFLICT (recipient, sender, id) DO UPDATE SET delivered = true WHERE NOT m.delivered`,
};

/** Another device has confirmed these messages, whose copies came back or are coming back: nobody needs to be told. */
export async function markConfirmed(
  db: Database,
  messages: readonly { from: string; id: string; to: string }[],
): Promise<void> {
  if (messages.length === 0) return;
  await db.query(MARK, [
    messages.map(({ to }) => to),
    messages.map(({ from }) => from),
    messages.map(({ id }) => id),
  ]);
}
