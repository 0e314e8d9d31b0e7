import type { Database } from './database.ts';
import { deciding, type RecordEvents, sessionEvents } from './deciding-statement.ts';

/** The leases of gateway incarnations. All times are the database's: no two clocks are compared. */

const KEEP_PRESENCE = {
  name: 'presence-keep',
  text: 'INSERT INTO presence DEFAULT VALUES ON CONFLICT DO NOTHING',
};

const REGISTER = {
  name: 'gateways-register',
  text: `INSERT INTO gateways (gateway) VALUES ($1) ON CONFLICT (gateway) DO NOTHING`,
};

/** Does not wait for a standby: leases of the promoted one run out sooner, and its presence is empty anyway. */
const RENEW = {
  name: 'gateways-renew',
  text: `
    UPDATE gateways SET
      lapses = lapses + CASE WHEN last_seen > now() - $2::integer * interval '1 millisecond' THEN 0 ELSE 1 END,
      last_seen = now()
    FROM (SELECT set_config('synchronous_commit', 'local', true)) AS for_this_transaction
    WHERE gateway = $1 AND NOT removed
    RETURNING (SELECT name FROM presence) || '.' || lapses AS presence`,
};

/**
 * Renews a gateway's lease; `first` makes it.
 *
 * @returns a name for the time in which the gateway's sessions were present without a gap: when it changes, they must
 *   be announced again. Undefined when the incarnation ended. A missing row (deleted, or the database was restored)
 *   ends it too: sessions and messages may be wrong, and no heir may know its queue.
 */
export async function renewLease(
  db: Database,
  gateway: string,
  first: boolean,
  leaseMs: number,
): Promise<string | undefined> {
  await db.query(KEEP_PRESENCE);
  if (first) await db.query(REGISTER, [gateway]);
  const [row] = await db.query<{ presence: string | null }>(RENEW, [gateway, leaseMs]);
  if (!row) await removeGateways(db, [gateway]);
  return row?.presence ?? undefined; // null: Postgres was restarted in between
}

/** The sessions of incarnations (CTE `ended`) are down. Without events their rows stay until the queue is deleted. */
const sessionsDown = (record: RecordEvents) => {
  const recorded = record(sessionEvents('session.down', 'gone s'));
  return (
    recorded &&
    `, gone AS (DELETE FROM sessions s USING ended e WHERE s.gateway = e.gateway RETURNING s.*)${recorded}`
  );
};

const REMOVE = deciding(
  'gateways-remove',
  ['session.down'],
  1,
  (record) => `
    WITH ended AS (
      INSERT INTO gateways (gateway, removed) SELECT unnest($1::text[]), true
      ON CONFLICT (gateway) DO UPDATE SET removed = true WHERE NOT gateways.removed
      RETURNING gateway
    )${sessionsDown(record)}
    SELECT FROM ended LIMIT 0`,
);

/** Ends incarnations, known or not: their sessions no longer count, and their queues are to be deleted. */
export async function removeGateways(db: Database, gateways: readonly string[]): Promise<void> {
  await db.query(REMOVE, [gateways]);
}

const REMOVE_LAPSED = deciding(
  'gateways-remove-lapsed',
  ['session.down'],
  1,
  (record) => `
    WITH ended AS (
      UPDATE gateways SET removed = true
      WHERE NOT removed AND last_seen < now() - $1::integer * interval '1 millisecond'
      RETURNING gateway
    )${sessionsDown(record)}
    SELECT FROM ended LIMIT 0`,
);

/** Ends the incarnations that were silent for longer than this. */
export async function removeSilentGateways(db: Database, silentMs: number): Promise<void> {
  await db.query(REMOVE_LAPSED, [silentMs]);
}

const LIST = { name: 'gateways-list', text: 'SELECT gateway, removed FROM gateways' };

/** Every incarnation that still has a queue. */
export function listGateways(db: Database): Promise<{ gateway: string; removed: boolean }[]> {
  return db.query(LIST);
}

const FIND_UNLISTED = {
  name: 'gateways-find-unlisted',
  text: 'SELECT DISTINCT gateway FROM sessions EXCEPT SELECT gateway FROM gateways',
};

/** Incarnations with sessions but no row (deleted, or the database was restored). Reads all sessions. */
export async function findUnlisted(db: Database): Promise<string[]> {
  return (await db.query<{ gateway: string }>(FIND_UNLISTED)).map(({ gateway }) => gateway);
}

const FORGET = {
  name: 'gateways-forget',
  text: 'DELETE FROM gateways WHERE gateway = $1 AND removed',
};

const FORGET_SESSIONS = deciding(
  'gateways-forget-sessions',
  ['session.down'],
  1,
  (record) => `
    WITH gone AS (DELETE FROM sessions WHERE gateway = $1 RETURNING *)${record(sessionEvents('session.down', 'gone s'))}
    SELECT FROM gone LIMIT 0`,
);

/** Deletes the rows of an incarnation whose queue is deleted. */
export async function forgetGateway(db: Database, gateway: string): Promise<void> {
  await db.query(FORGET_SESSIONS, [gateway]);
  await db.query(FORGET, [gateway]);
}

const FIND = { name: 'gateways-find', text: 'SELECT gateway FROM gateways WHERE NOT removed' };

/** The incarnations that have not ended. */
export const findGateways = async (db: Database): Promise<string[]> =>
  (await db.query<{ gateway: string }>(FIND)).map(({ gateway }) => gateway);
