import type { Database } from './database.ts';
import type { Announced } from './presence.ts';
import { TOKEN_IS_REVOKED } from './revocations.ts';

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
