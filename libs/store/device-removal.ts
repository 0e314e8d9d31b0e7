import type { Database } from './database.ts';
import { deciding, messageEvents } from './deciding-statement.ts';
import type { Device } from './devices.ts';
import { tell } from './tell.ts';

/**
 * Removal of synced devices, in three steps. Their rows go; a statement that stores copies holds the row, so the second
 * step sees all copies that there will ever be, and deletes them. The third one finds messages that are without copies now:
 * in a statement of its own, since of two that take the last copies of a message at the same moment neither sees what the
 * other one does. Each step may be repeated.
 */

const REMOVE = {
  name: 'devices-remove',
  text: `
    DELETE FROM devices d USING unnest($1::text[], $2::text[]) AS i (user_id, device)
    WHERE d.user_id = i.user_id AND d.device = i.device`,
};

/** The revision tells a confirmation of the same moment that copies are gone which it still sees. */
const EMPTY = {
  name: 'devices-empty',
  text: `
    WITH input AS (
      SELECT i.* FROM unnest($1::text[], $2::text[]) AS i (user_id, device)
      WHERE NOT EXISTS (SELECT FROM devices d WHERE d.user_id = i.user_id AND d.device = i.device)
    ), receipts AS (
      DELETE FROM device_receipts r USING input i WHERE r.recipient = i.user_id AND r.device = i.device
    ), missed AS (
      DELETE FROM device_missed m USING input i WHERE m.recipient = i.user_id AND m.device = i.device
    ), gone AS (
      DELETE FROM device_copies c USING input i WHERE c.recipient = i.user_id AND c.device = i.device
      RETURNING c.recipient, c.sender, c.id
    ), touched AS (
      SELECT m.recipient, m.sender, m.id FROM device_messages m
      JOIN (SELECT DISTINCT recipient, sender, id FROM gone) AS g USING (recipient, sender, id)
      ORDER BY m.recipient, m.sender, m.id FOR UPDATE OF m
    )
    UPDATE device_messages m SET revision = m.revision + 1 FROM touched t
    WHERE m.recipient = t.recipient AND m.sender = t.sender AND m.id = t.id`,
};

const SAME = 'm.recipient = e.recipient AND m.sender = e.sender AND m.id = e.id AND m.revision = e.revision';

/**
 * Messages of users that have no copy left. One that nobody has confirmed, and that is live nowhere, is rejected; any other
 * is kept for a while, for sessions that still have it live. Those that changed meanwhile have no sender in the result: the
 * next look decides them.
 */
const SETTLE = deciding(
  'devices-settle',
  ['message.rejected'],
  2,
  (record) => `
    WITH empty AS (
      SELECT m.recipient, m.sender, m.id, m.revision FROM device_messages m
      WHERE m.recipient = ANY ($1::text[]) AND m.idle_at IS NULL AND NOT EXISTS (
        SELECT FROM device_copies c WHERE c.recipient = m.recipient AND c.sender = m.sender AND c.id = m.id)
    ), rejected AS (
      UPDATE device_messages m SET delivered = true, body = NULL, idle_at = now() FROM empty e
      WHERE ${SAME} AND NOT m.delivered AND m.live <@ m.back
      RETURNING m.sender, m.id, m.recipient, m.thread, 'rejected' AS state, 'expired' AS reason, $2::bigint AS at,
        m.at AS sent_at
    ), idle AS (
      UPDATE device_messages m SET body = NULL, idle_at = now() FROM empty e
      WHERE ${SAME} AND (m.delivered OR NOT m.live <@ m.back)
      RETURNING m.sender, m.id, m.recipient
    ), ${tell('rejected')}${record(messageEvents('message.rejected', 'rejected', "'expired'"))}
    SELECT sender, told IS NOT NULL AS receipt FROM rejected LEFT JOIN told USING (sender, id, recipient)
    UNION ALL
    SELECT NULL, false FROM empty WHERE (sender, id, recipient) NOT IN (
      SELECT sender, id, recipient FROM rejected UNION ALL SELECT sender, id, recipient FROM idle)`,
);

/**
 * Devices are synced ones no longer, and their mailboxes go.
 *
 * @returns the senders of messages that are rejected by this, one for each; `receipt`: it is news to them
 */
export async function removeDevices(
  db: Database,
  devices: readonly Device[],
): Promise<{ sender: string; receipt: boolean }[]> {
  if (devices.length === 0) return [];
  const names = [devices.map(({ user }) => user), devices.map(({ device }) => device)];
  await db.query(REMOVE, names);
  await db.query(EMPTY, names);
  const rejected: { sender: string; receipt: boolean }[] = [];
  for (let changed = true; changed;) {
    changed = false;
    const rows = await db.query<{ sender: string | null; receipt: boolean }>(SETTLE, [names[0], Date.now()]);
    for (const { sender, receipt } of rows)
      if (sender === null) changed = true;
      else rejected.push({ sender, receipt });
  }
  return rejected;
}
