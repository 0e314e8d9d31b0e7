import type { Database } from './database.ts';

/** Presence: which sessions of a user are connected to which gateways. A session counts while its gateway's lease holds. */

export interface Session {
  user: string;
  device: string;
  session: string;
  /** `<gateway id>.<epoch>` */
  gateway: string;
  /** When it logged in, milliseconds since the epoch. */
  since: number;
  /** Not a login, but a session that presence may know already. */
  again: boolean;
}

export type Where = Pick<Session, 'session' | 'gateway'>;

const REGISTER = {
  name: 'sessions-register',
  text: `
    WITH input AS (
      SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::boolean[])
        AS i (user_id, device, session, gateway, since, again)
    ), late AS (
      SELECT i.* FROM input i JOIN sessions s USING (user_id, device)
      WHERE i.again AND s.session <> i.session AND s.since > i.since
    ), valid AS (
      SELECT * FROM input EXCEPT SELECT * FROM late
    ), replaced AS (
      SELECT s.session, s.gateway FROM sessions s JOIN valid v USING (user_id, device) WHERE s.session <> v.session
    ), written AS (
      INSERT INTO sessions (user_id, device, session, gateway, since)
      SELECT user_id, device, session, gateway, since FROM valid ORDER BY user_id, device
      ON CONFLICT (user_id, device)
      DO UPDATE SET session = excluded.session, gateway = excluded.gateway, since = excluded.since
    )
    SELECT * FROM replaced UNION ALL SELECT session, gateway FROM late`,
};

/**
 * Registers sessions; each (user, device) at most once in a call. A login takes the place of whoever has it. A session
 * that is announced again does not take it from one that logged in later: the older one is what a client left behind.
 *
 * @returns the sessions that have lost their place
 */
export async function registerSessions(db: Database, sessions: readonly Session[]): Promise<Where[]> {
  if (sessions.length === 0) return [];
  return db.query<Where>(REGISTER, [
    sessions.map((s) => s.user),
    sessions.map((s) => s.device),
    sessions.map((s) => s.session),
    sessions.map((s) => s.gateway),
    sessions.map((s) => s.since),
    sessions.map((s) => s.again),
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
