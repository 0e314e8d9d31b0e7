import type { Database } from './database.ts';
import { deciding, NOW, sessionEvents } from './deciding-statement.ts';
import { TOKEN_IS_REVOKED } from './revocations.ts';

/**
 * Presence: which sessions of a user are connected to which gateways. A session counts while its gateway's lease holds.
 *
 * Statements name the users of a batch with ANY beside each join: PostgreSQL plans a prepared statement while the table is
 * small, and would read all of it from then on.
 */

export interface Session {
  user: string;
  device: string;
  session: string;
  /** `<gateway id>.<incarnation>` */
  gateway: string;
  /** Time of the login, milliseconds since the Unix epoch. */
  since: number;
}

export interface SessionLocation extends Pick<Session, 'session' | 'gateway'> {
  /** Of a user with synced devices: the synced device that it is on; '' for another one. */
  copy?: string;
}

/**
 * Sessions that are up now, and those whose place they took: just before, whatever the clocks say. A session that comes to
 * another incarnation is another one here, since the end of the earlier incarnation may have been told already.
 */
const CHANGED = `
  WITH moment AS MATERIALIZED (SELECT ${NOW} AS ms FROM (SELECT count(*) FROM written) AS all_written)
  ${sessionEvents(
    'session.up',
    `(SELECT w.* FROM written w LEFT JOIN held h USING (user_id, device) WHERE (h.session, h.gateway) IS DISTINCT FROM (w.session, w.gateway)) AS s`,
    '(SELECT ms FROM moment)',
  )}
  UNION ALL ${sessionEvents(
    'session.down',
    `(SELECT h.* FROM held h JOIN written w USING (user_id, device) WHERE (h.session, h.gateway) <> (w.session, w.gateway)) AS s`,
    '(SELECT ms - 1 FROM moment)',
  )}`;

/** All sessions of users who have several, or another synced device. */
const SHARED = `
    SELECT p.session, p.gateway, NULL, false, false, p.user_id FROM present p
    WHERE EXISTS (SELECT FROM present o WHERE o.user_id = p.user_id AND o.device <> p.device)
       OR EXISTS (SELECT FROM devices d WHERE d.user_id = p.user_id AND d.device <> p.device)`;

const REGISTER = deciding(
  'sessions-register',
  ['session.up', 'session.down'],
  8,
  (record) => `
    WITH given AS (
      SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $7::float8[], $8::boolean[])
        AS g (user_id, device, session, gateway, since, iat, again)
    ), revoked AS (
      -- A session that is announced again, but begun before the revocation, has ended, whatever its token.
      SELECT g.session FROM given g JOIN user_revocations r USING (user_id)
      WHERE ${TOKEN_IS_REVOKED} OR (g.again AND g.since <= r.at)
    ), input AS (
      SELECT user_id, device, session, gateway, since FROM given WHERE session NOT IN (SELECT session FROM revoked)
    ), counted AS (
      SELECT user_id, count(*) AS sessions FROM sessions WHERE user_id = ANY ($1::text[]) GROUP BY user_id
    ), held AS (
      SELECT s.* FROM sessions s JOIN input USING (user_id, device)
      WHERE s.user_id = ANY ($1::text[]) ORDER BY user_id, device FOR UPDATE OF s
    ), fresh AS (
      -- On devices that have no session yet; nth: how many sessions the user has with this one.
      SELECT user_id, device,
        coalesce(c.sessions, 0) + row_number() OVER (PARTITION BY user_id ORDER BY i.since, i.session) AS nth
      FROM input i LEFT JOIN counted c USING (user_id) LEFT JOIN held h USING (user_id, device)
      WHERE h.session IS NULL
    ), written AS (
      INSERT INTO sessions (user_id, device, session, gateway, since)
      SELECT i.* FROM input i LEFT JOIN held h USING (user_id, device) LEFT JOIN fresh f USING (user_id, device)
      WHERE f.nth <= $6 OR h.session = i.session OR h.since < i.since
      ORDER BY user_id, device
      ON CONFLICT (user_id, device)
      DO UPDATE SET session = excluded.session, gateway = excluded.gateway, since = excluded.since
      WHERE sessions.session = excluded.session OR sessions.since < excluded.since
      RETURNING user_id, device, session, gateway
    ), present AS (
      SELECT * FROM written
      UNION ALL
      SELECT s.user_id, s.device, s.session, s.gateway FROM sessions s
      WHERE s.user_id = ANY ($1::text[]) AND s.user_id IN (SELECT user_id FROM written)
        AND NOT EXISTS (SELECT FROM written w WHERE w.user_id = s.user_id AND w.device = s.device)
    )${record(CHANGED)}
    SELECT h.session, h.gateway, NULL::bigint AS since, false AS full, false AS revoked, NULL AS "sharedBy"
    FROM held h JOIN written w USING (user_id, device)
    WHERE h.session <> w.session
    UNION ALL
    SELECT session, NULL, NULL::bigint, false, true, NULL FROM revoked
    UNION ALL
    ${SHARED}
    UNION ALL
    SELECT i.session, i.gateway, coalesce(h.since, i.since), coalesce(f.nth > $6, false), false, NULL
    FROM input i LEFT JOIN held h USING (user_id, device) LEFT JOIN fresh f USING (user_id, device)
    WHERE i.session NOT IN (SELECT session FROM written)
    UNION ALL
    SELECT i.session, NULL, NULL, NULL, false, NULL FROM input i JOIN devices USING (user_id, device)`,
);

/**
 * A session that was replaced, one that was refused, one whose token is revoked, one that is not its user's only one, or
 * (without a gateway) one on a synced device.
 */
interface RegisterRow {
  /** The user with several sessions or synced devices, of whom this is one. */
  sharedBy: string | null;
  session: string;
  gateway: string | null;
  since: string | null;
  full: boolean;
  revoked: boolean;
}

/** Result of a registration: replaced sessions, and refused ones. */
export interface Registered {
  replaced: SessionLocation[];
  /** `since`: when the session that has the place logged in. `full`: the user has as many sessions as may be. */
  late: (Pick<Session, 'session' | 'since'> & { full: boolean })[];
  /** All sessions of those of these users who have several, or another synced device. */
  shared: (SessionLocation & Pick<Session, 'user'>)[];
  /** Sessions on synced devices, whatever became of them. */
  synced: Set<string>;
  /** Sessions whose token is revoked. */
  revoked: Set<string>;
}

/** A session to register. */
export interface Announced extends Session {
  /** When its token was issued, seconds since the Unix epoch; a token need not say it. */
  iat?: number | undefined;
  /** Not a login: it has begun at `since`. */
  again: boolean;
}

/**
 * Registers sessions; each (user, device) at most once in a call. The latest login wins, regardless of processing
 * order: a delayed older one cannot replace its successor.
 *
 * @param most sessions of one user. One that takes the place of another on its device always may.
 */
export async function registerSessions(
  db: Database,
  sessions: readonly Announced[],
  most: number,
): Promise<Registered> {
  const outcome: Registered = { replaced: [], late: [], shared: [], synced: new Set(), revoked: new Set() };
  if (sessions.length === 0) return outcome;
  const rows = await db.query<RegisterRow>(REGISTER, [
    sessions.map((s) => s.user),
    sessions.map((s) => s.device),
    sessions.map((s) => s.session),
    sessions.map((s) => s.gateway),
    sessions.map((s) => s.since),
    most,
    sessions.map((s) => s.iat ?? null),
    sessions.map((s) => s.again),
  ]);
  for (const { session, gateway, since, full, revoked, sharedBy } of rows)
    if (sharedBy !== null && gateway !== null) outcome.shared.push({ user: sharedBy, session, gateway });
    else if (revoked) outcome.revoked.add(session);
    else if (gateway === null) outcome.synced.add(session);
    else if (since === null) outcome.replaced.push({ session, gateway });
    else outcome.late.push({ session, since: Number(since), full });
  return outcome;
}

const REMOVE = deciding(
  'sessions-remove',
  ['session.down'],
  2,
  (record) => `
    WITH gone AS (
      DELETE FROM sessions s USING unnest($1::text[], $2::text[]) AS i (user_id, session)
      WHERE s.user_id = ANY ($1::text[]) AND s.user_id = i.user_id AND s.session = i.session
      RETURNING s.*
    )${record(sessionEvents('session.down', 'gone s'))}
    SELECT FROM gone LIMIT 0`,
);

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
    SELECT s.user_id AS user, s.device, s.session, s.gateway,
      $2::integer - (extract(epoch FROM now() - g.last_seen) * 1000)::integer AS "leaseMs"
    FROM sessions s JOIN gateways g USING (gateway)
    WHERE s.user_id = ANY ($1::text[])
      AND NOT g.removed AND g.last_seen > now() - $2::integer * interval '1 millisecond'
    UNION ALL
    SELECT user_id, device, NULL, NULL, NULL FROM devices WHERE user_id = ANY ($1::text[])`,
};

/** A user's sessions, and how long they are valid if none changes: until the first lease ends, milliseconds. */
export interface UserLocation {
  sessions: SessionLocation[];
  /** The synced devices, where there are any. */
  devices?: string[];
  validMs: number;
}

/** A session, or (without one) a synced device. */
type FindRow = { user: string; device: string } & (
  { session: string; gateway: string; leaseMs: number } | { session: null; gateway: null; leaseMs: null }
);

/** Where each of these users is now; users who are away and have no synced devices are not in the map. */
export async function findUserLocations(
  db: Database,
  users: Iterable<string>,
  leaseMs: number,
): Promise<Map<string, UserLocation>> {
  const wanted = [...new Set(users)];
  const found = new Map<string, UserLocation>();
  if (wanted.length === 0) return found;
  const rows = await db.query<FindRow>(FIND, [wanted, leaseMs]);
  const synced = new Map<string, string[]>();
  for (const { user, device, session } of rows)
    if (session === null) synced.set(user, [...(synced.get(user) ?? []), device]);
  for (const [user, devices] of synced) found.set(user, { sessions: [], devices, validMs: Infinity });
  for (const { user, device, session, gateway, leaseMs: validMs } of rows) {
    if (session === null) continue;
    const known = found.get(user);
    const { devices } = known ?? {};
    const at = { session, gateway, ...(devices && { copy: devices.includes(device) ? device : '' }) };
    if (!known) found.set(user, { sessions: [at], validMs });
    else {
      known.sessions.push(at);
      known.validMs = Math.min(known.validMs, validMs);
    }
  }
  return found;
}

/** The sessions that read a mailbox: all, or those of synced devices where the user has any. */
export const mailboxSessions = ({ sessions, devices }: UserLocation): SessionLocation[] =>
  devices ? sessions.filter(({ copy }) => copy !== '') : sessions;

/** The sessions of each of these users that read a mailbox; users without one are not in the map. */
export async function findSessions(
  db: Database,
  users: Iterable<string>,
  leaseMs: number,
): Promise<Map<string, SessionLocation[]>> {
  const sessions = new Map<string, SessionLocation[]>();
  for (const [user, location] of await findUserLocations(db, users, leaseMs)) {
    const reading = mailboxSessions(location);
    if (reading.length > 0) sessions.set(user, reading);
  }
  return sessions;
}
