import type { Database } from './database.ts';
import type { SessionLocation } from './presence.ts';

/** A signal that waits for longer is of no use any more, milliseconds. */
const TIMEOUT_MS = 2_000;

const FIND = {
  name: 'signal-receivers',
  timeoutMs: TIMEOUT_MS,
  text: `
    SELECT s.user_id AS user, s.session, s.gateway FROM sessions s JOIN gateways g USING (gateway)
    WHERE s.user_id = ANY ($1::text[])
      AND NOT g.removed AND g.last_seen > now() - $2::integer * interval '1 millisecond'`,
};

/**
 * The sessions that these users have now; absent users are not in the map. Not through the presence cache: another
 * instance may be active on the users' partitions, and a signal must find a session that has just begun.
 */
export async function findSignalReceivers(
  db: Database,
  users: Iterable<string>,
  leaseMs: number,
): Promise<Map<string, SessionLocation[]>> {
  const rows = await db.query<SessionLocation & { user: string }>(FIND, [[...new Set(users)], leaseMs]);
  const found = new Map<string, SessionLocation[]>();
  for (const { user, session, gateway } of rows) {
    const known = found.get(user);
    if (known) known.push({ session, gateway });
    else found.set(user, [{ session, gateway }]);
  }
  return found;
}
