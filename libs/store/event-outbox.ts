import type { Database } from './database.ts';

/** Events that wait in the database for their publication (deciding-statement.ts). */

/** A fact, and the fields of its event. */
export interface RecordedEvent {
  key: string;
  type: string;
  fact: string[];
  fields: Record<string, string | number>;
}

/** Events whose owner did not publish them for this long are another instance's. */
const LEFT = "interval '10 seconds'";

const READ = {
  name: 'events-read',
  text: 'SELECT key, type, fact, fields FROM event_outbox WHERE owner = $1 ORDER BY key LIMIT $2',
};

/** The oldest events of an instance. */
export const readEvents = (db: Database, owner: string, limit: number): Promise<RecordedEvent[]> =>
  db.query(READ, [owner, limit]);

const DELETE = { name: 'events-delete', text: 'DELETE FROM event_outbox WHERE key = ANY ($1::bigint[])' };

/** Deletes events that are published. */
export async function deleteEvents(db: Database, events: readonly RecordedEvent[]): Promise<void> {
  await db.query(DELETE, [events.map(({ key }) => key)]);
}

const ADOPT = {
  name: 'events-adopt',
  text: `
    UPDATE event_outbox SET owner = $1, stored_at = now() WHERE key IN (
      SELECT key FROM event_outbox WHERE stored_at < now() - ${LEFT} AND owner <> $1
      ORDER BY stored_at LIMIT $2 FOR UPDATE SKIP LOCKED)
    RETURNING 1`,
};

/** Takes over events that other instances left. @returns how many */
export async function adoptEvents(db: Database, owner: string, limit: number): Promise<number> {
  return (await db.query(ADOPT, [owner, limit])).length;
}

const OF_USERS =
  "(fields->>'from' = ANY ($1::text[]) OR fields->>'to' = ANY ($1::text[]) OR fields->>'user' = ANY ($1::text[]))";

const ADOPT_OF_USERS = {
  name: 'events-adopt-of-users',
  text: `UPDATE event_outbox SET owner = $2, stored_at = now() WHERE owner <> $2 AND ${OF_USERS} RETURNING 1`,
};

/** Takes over all events that name one of these users, also those that their instance may be about to publish. @returns how many */
export async function adoptEventsOfUsers(
  db: Database,
  owner: string,
  users: readonly string[],
): Promise<number> {
  return (await db.query(ADOPT_OF_USERS, [users, owner])).length;
}

const DROP_OF_USERS = { name: 'outbox-drop-of-users', text: `DELETE FROM event_outbox WHERE ${OF_USERS}` };

/** Deletes events that name one of these users, where nobody wants events any more. */
export async function dropEventsOfUsers(db: Database, users: readonly string[]): Promise<void> {
  await db.query(DROP_OF_USERS, [users]);
}

/** Instances that still run with events may be about to publish what is younger. */
const UNWANTED = "interval '10 minutes'";

const DROP = {
  name: 'outbox-drop',
  text: `
    DELETE FROM event_outbox WHERE key IN (
      SELECT key FROM event_outbox WHERE stored_at < now() - ${UNWANTED}
      ORDER BY stored_at LIMIT $1 FOR UPDATE SKIP LOCKED)
    RETURNING 1`,
};

/** Deletes events that nobody wants any more: EVENTS was set, and is empty now. @returns how many */
export async function dropUnwantedEvents(db: Database, limit: number): Promise<number> {
  return (await db.query(DROP, [limit])).length;
}

const FIRST = {
  name: 'events-first-times',
  text: `
    WITH input AS (
      SELECT * FROM unnest($1::text[], $2::text[], $3::text[]) AS i (recipient, sender, id)
    ), found AS (
      SELECT recipient, sender, id, at, stored_at FROM offline_messages JOIN input USING (recipient, sender, id)
      UNION ALL
      -- Where a copy went live, nobody knows when the last one came back.
      SELECT recipient, sender, id, at, CASE WHEN live = '{}' THEN stored_at END
      FROM device_messages JOIN input USING (recipient, sender, id) WHERE at IS NOT NULL
    )
    SELECT recipient AS "to", sender AS "from", id, min(at)::float8 AS accepted,
      (extract(epoch FROM min(stored_at)) * 1000)::bigint::float8 AS stored
    FROM found GROUP BY recipient, sender, id`,
};

/** When a message in a mailbox was accepted first, and when it was stored, milliseconds since the epoch. */
export interface FirstTimes {
  accepted: number;
  stored: number | null;
}

/** The first times of those that are in a mailbox. */
export function findFirstTimes(
  db: Database,
  messages: readonly { from: string; id: string; to: string }[],
): Promise<({ from: string; id: string; to: string } & FirstTimes)[]> {
  return db.query(FIRST, [
    messages.map(({ to }) => to),
    messages.map(({ from }) => from),
    messages.map(({ id }) => id),
  ]);
}
