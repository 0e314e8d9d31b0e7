import { within } from '#libs/runtime/backoff.ts';
import type { Database } from './database.ts';

/** How long the database may take to answer, milliseconds. */
const ANSWER_WITHIN_MS = 2_000;

/**
 * Checks every table, and that the database accepts writes (a demoted primary answers, but does not). The row
 * normally exists, so nothing is written.
 */
const HEALTH_CHECK = {
  name: 'ability',
  timeoutMs: ANSWER_WITHIN_MS,
  text: `
    WITH written AS (INSERT INTO presence DEFAULT VALUES ON CONFLICT DO NOTHING)
    SELECT FROM sessions, gateways, offline_messages, offline_receipts LIMIT 0`,
};

/** Whether the database can serve an instance now. */
export async function isDatabaseHealthy(db: Database): Promise<boolean> {
  const asked = db.query(HEALTH_CHECK).then(
    () => true,
    () => false,
  );
  return (await within(ANSWER_WITHIN_MS, asked)) ?? false; // a connection may take longer than the statement
}
