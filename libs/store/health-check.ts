import { within } from '#libs/runtime/backoff.ts';
import type { Database } from './database.ts';

/** How long the database may take to answer, milliseconds. */
const ANSWER_WITHIN_MS = 2_000;

/**
 * Needs what all work needs: every table, and a database that takes writes (one that was just demoted answers, and does
 * not). The row is there in all but the first case, so that nothing is written.
 */
const HEALTH_CHECK = {
  name: 'ability',
  timeoutMs: ANSWER_WITHIN_MS,
  text: `
    WITH written AS (INSERT INTO presence DEFAULT VALUES ON CONFLICT DO NOTHING)
    SELECT FROM sessions, gateways, offline_messages, offline_receipts LIMIT 0`,
};

/** Whether the database does what an instance needs of it, now. */
export async function isDatabaseHealthy(db: Database): Promise<boolean> {
  const asked = db.query(HEALTH_CHECK).then(
    () => true,
    () => false,
  );
  return (await within(ANSWER_WITHIN_MS, asked)) ?? false; // a connection may take longer than the statement
}
