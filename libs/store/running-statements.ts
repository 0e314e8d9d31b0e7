import { pause } from '#libs/runtime/backoff.ts';
import type { Database } from './database.ts';

/** How often to look whether they have ended, milliseconds. */
const LOOK_EVERY_MS = 20;

/** A transaction that has not begun yet sees what is committed now. */
const RUNNING = {
  name: 'statements-running',
  text: `
    SELECT pid, xact_start::text AS began FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
      AND xact_start IS NOT NULL AND application_name LIKE 'sixfold-%'`,
};

/**
 * Waits until all statements of our services have ended that were running at the call. Statements that begin later see
 * what was committed before the call; so afterwards no statement is left that does not.
 *
 * @throws when some have not ended in time
 */
export async function waitForRunningStatements(db: Database, timeoutMs: number): Promise<void> {
  const find = async () =>
    (await db.query<{ pid: number; began: string }>(RUNNING)).map(({ pid, began }) => `${pid} ${began}`);
  const deadline = performance.now() + timeoutMs;
  for (let left = await find(); left.length > 0;) {
    if (performance.now() > deadline) throw new Error(`${left.length} statements have not ended in time`);
    await pause(LOOK_EVERY_MS);
    const running = new Set(await find());
    left = left.filter((one) => running.has(one));
  }
}
