import type { Database } from './database.ts';
import { deciding, messageEvents } from './deciding-statement.ts';
import type { Announced } from './presence.ts';
import { TOKEN_IS_REVOKED } from './revocations.ts';
import { tell } from './tell.ts';

/** Synced devices: each has a mailbox of its own (PROTOCOL: sync). */

/** A device of a user. */
export interface Device {
  user: string;
  device: string;
}

const REGISTER = {
  name: 'devices-register',
  text: `
    WITH given AS (
      SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $5::float8[]) AS g (user_id, device, since, iat)
    ), input AS (
      -- A login with a revoked token leaves no trace; its registration refuses it.
      SELECT user_id, device, since FROM given g
      WHERE NOT EXISTS (SELECT FROM user_revocations r WHERE r.user_id = g.user_id AND ${TOKEN_IS_REVOKED})
    ), counted AS (
      SELECT user_id, count(*) AS devices FROM devices WHERE user_id = ANY ($1::text[]) GROUP BY user_id
    ), known AS (
      UPDATE devices d SET last_seen = now() FROM input i
      WHERE d.user_id = i.user_id AND d.device = i.device
      RETURNING d.user_id, d.device
    ), fresh AS (
      SELECT i.*, coalesce(c.devices, 0) + row_number() OVER (PARTITION BY user_id ORDER BY i.since) AS nth
      FROM input i LEFT JOIN counted c USING (user_id) LEFT JOIN known k USING (user_id, device)
      WHERE k.device IS NULL
    ), written AS (
      INSERT INTO devices (user_id, device, since)
      SELECT user_id, device, since FROM fresh WHERE nth <= $4 ORDER BY user_id, device
      ON CONFLICT (user_id, device) DO UPDATE SET last_seen = now()
    )
    SELECT user_id AS user, device, nth > $4 AS refused FROM fresh`,
};

/**
 * Makes devices synced ones; each at most once in a call. It is durable when the promise resolves. Nothing becomes of
 * those whose token is revoked.
 *
 * @param most synced devices of one user
 * @returns those that were not synced before; `refused`: and are not now, since the user has as many as may be
 */
export async function registerDevices(
  db: Database,
  devices: readonly Pick<Announced, 'user' | 'device' | 'since' | 'iat'>[],
  most: number,
): Promise<(Device & { refused: boolean })[]> {
  if (devices.length === 0) return [];
  return db.query<Device & { refused: boolean }>(REGISTER, [
    devices.map(({ user }) => user),
    devices.map(({ device }) => device),
    devices.map(({ since }) => since),
    most,
    devices.map(({ iat }) => iat ?? null),
  ]);
}

const REMOVE = {
  name: 'devices-remove',
  text: `
    DELETE FROM devices d USING unnest($1::text[], $2::text[]) AS i (user_id, device)
    WHERE d.user_id = i.user_id AND d.device = i.device`,
};

/** Copies of removed devices. A message whose last copy this is, and that nobody has confirmed, is rejected. */
const EMPTY = deciding(
  'devices-empty',
  ['message.rejected'],
  3,
  (record) => `
    WITH input AS (
      SELECT i.* FROM unnest($1::text[], $2::text[]) AS i (user_id, device)
      WHERE NOT EXISTS (SELECT FROM devices d WHERE d.user_id = i.user_id AND d.device = i.device)
    ), receipts AS (
      DELETE FROM device_receipts r USING input i WHERE r.recipient = i.user_id AND r.device = i.device
    ), missed AS (
      DELETE FROM device_missed m USING input i WHERE m.recipient = i.user_id AND m.device = i.device
    ), gone AS (
      DELETE FROM device_copies c USING input i WHERE c.recipient = i.user_id AND c.device = i.device
      RETURNING c.recipient, c.device, c.sender, c.id
    ), last AS (
      SELECT m.recipient, m.sender, m.id, m.revision FROM device_messages m
      JOIN (SELECT DISTINCT recipient, sender, id FROM gone) AS g USING (recipient, sender, id)
      WHERE NOT EXISTS (
        SELECT FROM device_copies c WHERE c.recipient = m.recipient AND c.sender = m.sender AND c.id = m.id
          AND (c.recipient, c.device) NOT IN (SELECT user_id, device FROM input))
    ), rejected AS (
      UPDATE device_messages m SET delivered = true, body = NULL, idle_at = now() FROM last l
      WHERE m.recipient = l.recipient AND m.sender = l.sender AND m.id = l.id AND m.revision = l.revision
        AND NOT m.delivered AND m.live <@ m.back
      RETURNING m.sender, m.id, m.recipient, m.thread, 'rejected' AS state, 'expired' AS reason, $3::bigint AS at,
        m.at AS sent_at
    ), idle AS (
      UPDATE device_messages m SET body = NULL, idle_at = now() FROM last l
      WHERE m.recipient = l.recipient AND m.sender = l.sender AND m.id = l.id AND m.revision = l.revision
        AND (m.delivered OR NOT m.live <@ m.back)
    ), ${tell('rejected')}${record(messageEvents('message.rejected', 'rejected', "'expired'"))}
    SELECT sender, told IS NOT NULL AS receipt FROM rejected LEFT JOIN told USING (sender, id, recipient)`,
);

/**
 * Devices are synced ones no longer, and their mailboxes go. In two steps: what is being stored for a device holds its
 * row, so the second step sees all copies that there will ever be.
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
  return db.query<{ sender: string; receipt: boolean }>(EMPTY, [...names, Date.now()]);
}

const TOUCH = {
  name: 'devices-touch',
  text: `
    UPDATE devices d SET last_seen = now()
    WHERE d.last_seen < now() - $1::float8 * interval '1 day'
      AND EXISTS (SELECT FROM sessions s WHERE s.user_id = d.user_id AND s.device = d.device)`,
};

const FORGOTTEN = {
  name: 'devices-forgotten',
  text: `
    SELECT user_id AS user, device FROM devices d
    WHERE d.last_seen < now() - $1::float8 * interval '1 day'
      AND NOT EXISTS (SELECT FROM sessions s WHERE s.user_id = d.user_id AND s.device = d.device)
    ORDER BY last_seen LIMIT $2`,
};

/** How exactly the time without a session is known, days; of a shorter limit a tenth. */
const TOUCH_DAYS = 1;

/** Devices that have had no session for that many days, the oldest first. */
export async function findForgottenDevices(db: Database, days: number, limit: number): Promise<Device[]> {
  const touch = Math.min(TOUCH_DAYS, days / 10);
  await db.query(TOUCH, [touch]);
  return db.query<Device>(FORGOTTEN, [days + touch, limit]);
}

const FIND = {
  name: 'devices-find',
  text: `
    SELECT user_id AS user, device, since::float8 AS since FROM devices
    WHERE user_id = ANY ($1::text[]) ORDER BY since, device`,
};

/** The synced devices of users, the oldest first; `since`: their first login, milliseconds since the epoch. */
export function findDevices(db: Database, users: readonly string[]): Promise<(Device & { since: number })[]> {
  return db.query(FIND, [users]);
}

const LIST = {
  name: 'devices-list',
  text: `
    SELECT d.device, d.since::float8 AS since, (extract(epoch FROM d.last_seen) * 1000)::float8 AS "lastSeen",
      (SELECT count(*) FROM device_copies c WHERE c.recipient = d.user_id AND c.device = d.device)::integer AS messages,
      (SELECT count(*) FROM device_receipts r WHERE r.recipient = d.user_id AND r.device = d.device)::integer AS receipts
    FROM devices d WHERE d.user_id = $1 ORDER BY d.since, d.device`,
};

/** A synced device and what waits for it; times in milliseconds since the epoch. */
export interface KnownDevice {
  device: string;
  since: number;
  lastSeen: number;
  messages: number;
  receipts: number;
}

/** The synced devices of a user, the oldest first. */
export function listDevices(db: Database, user: string): Promise<KnownDevice[]> {
  return db.query<KnownDevice>(LIST, [user]);
}
