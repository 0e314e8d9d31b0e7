import type { Database } from './database.ts';

/** Presence: which sessions of a user are connected to which gateways. A session counts while its gateway's lease holds. */

export interface Session {
  user: string;
  device: string;
  session: string;
  /** `<gateway id>.<epoch>` */
  gateway: string;
}

export type Where = Pick<Session, 'session' | 'gateway'>;

const REGISTER = {
  name: 'sessions-register',
  text: `
    WITH input AS (
      SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]) AS i (user_id, device, session, gateway)
    ), replaced AS (
      SELECT s.session, s.gateway FROM sessions s JOIN input i USING (user_id, device) WHERE s.session <> i.session
    ), written AS (
      INSERT INTO sessions (user_id, device, session, gateway) SELECT * FROM input ORDER BY user_id, device
      ON CONFLICT (user_id, device) DO UPDATE SET session = excluded.session, gateway = excluded.gateway
    )
    SELECT * FROM replaced`,
};

/**
 * Registers sessions; each (user, device) at most once in a call.
 *
 * @returns the sessions whose place was taken
 */
export function registerSessions(db: Database, sessions: readonly Session[]): Promise<Where[]> {
  return db.query<Where>(REGISTER, [
    sessions.map((s) => s.user),
    sessions.map((s) => s.device),
    sessions.map((s) => s.session),
    sessions.map((s) => s.gateway),
  ]);
}

const REMOVE = {
  name: 'sessions-remove',
  text: `
    DELETE FROM sessions s USING unnest($1::text[], $2::text[]) AS i (user_id, session)
    WHERE s.user_id = i.user_id AND s.session = i.session`,
};

/** Removes sessions by name; one that took the place of another stays. */
export async function removeSessions(
  db: Database,
  sessions: readonly Pick<Session, 'user' | 'session'>[],
): Promise<void> {
  await db.query(REMOVE, [sessions.map((s) => s.user), sessions.map((s) => s.session)]);
}

const FIND = {
  name: 'sessions-find',
  text: `
    SELECT s.user_id AS user, s.session, s.gateway
    FROM sessions s JOIN gateways g USING (gateway)
    WHERE s.user_id = ANY ($1::text[])
      AND NOT g.removed AND g.last_seen > now() - $2::integer * interval '1 millisecond'`,
};

/** Where each of these users is now; users who are away are not in the map. */
export async function findSessions(
  db: Database,
  users: Iterable<string>,
  leaseMs: number,
): Promise<Map<string, Where[]>> {
  const wanted = [...new Set(users)];
  const found = new Map<string, Where[]>();
  if (wanted.length === 0) return found;
  for (const { user, ...where } of await db.query<Where & { user: string }>(FIND, [wanted, leaseMs])) {
    const others = found.get(user);
    if (others) others.push(where);
    else found.set(user, [where]);
  }
  return found;
}
