import type { Database } from './database.ts';
import type { SessionLocation } from './presence.ts';

const FORGOTTEN = {
  name: 'mail-forgotten',
  text: `
    SELECT s.session, s.gateway FROM sessions s JOIN gateways g USING (gateway)
    WHERE NOT g.removed AND g.last_seen > now() - $1::integer * interval '1 millisecond'
      AND (EXISTS (SELECT FROM offline_messages m WHERE m.recipient = s.user_id
                   AND m.stored_at < now() - $2::integer * interval '1 millisecond')
        OR EXISTS (SELECT FROM offline_receipts r WHERE r.recipient = s.user_id
                   AND r.stored_at < now() - $2::integer * interval '1 millisecond')
        OR EXISTS (SELECT FROM device_copies c WHERE c.recipient = s.user_id AND c.device = s.device
                   AND c.stored_at < now() - $2::integer * interval '1 millisecond')
        OR EXISTS (SELECT FROM device_receipts r WHERE r.recipient = s.user_id AND r.device = s.device
                   AND r.stored_at < now() - $2::integer * interval '1 millisecond')
        OR EXISTS (SELECT FROM device_missed m WHERE m.recipient = s.user_id AND m.device = s.device AND NOT m.handed))
      AND (EXISTS (SELECT FROM devices d WHERE d.user_id = s.user_id AND d.device = s.device)
        OR NOT EXISTS (SELECT FROM devices d WHERE d.user_id = s.user_id))`,
};

/**
 * Sessions whose mailbox has held something for at least `ageMs`. The process that stores an entry sends the hint; but the
 * server may commit a statement whose process is dead by then.
 */
export function findSessionsToRemind(
  db: Database,
  leaseMs: number,
  ageMs: number,
): Promise<SessionLocation[]> {
  return db.query<SessionLocation>(FORGOTTEN, [leaseMs, ageMs]);
}
