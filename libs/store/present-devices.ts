import type { Database } from './database.ts';

const FIND = {
  name: 'sessions-present',
  text: `
    SELECT s.user_id AS user, s.device, s.since::float8 AS since,
      EXISTS (SELECT FROM devices d WHERE d.user_id = s.user_id AND d.device = s.device) AS sync
    FROM sessions s JOIN gateways g USING (gateway)
    WHERE s.user_id = ANY ($1::text[])
      AND NOT g.removed AND g.last_seen > now() - $2::integer * interval '1 millisecond'
    ORDER BY s.since, s.device`,
};

/** A device that a user is connected on. */
export interface PresentDevice {
  user: string;
  device: string;
  /** Time of the login, milliseconds since the epoch. */
  since: number;
  /** It is a synced device. */
  sync: boolean;
}

/** Where these users are connected, the oldest session first. */
export function findPresentDevices(
  db: Database,
  users: readonly string[],
  leaseMs: number,
): Promise<PresentDevice[]> {
  return db.query<PresentDevice>(FIND, [users, leaseMs]);
}
