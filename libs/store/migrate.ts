import { fileURLToPath } from 'node:url';
import { PG_MIGRATE_LOCK_ID, runner } from 'node-pg-migrate';
import type pg from 'pg';
import { Backoff, pause, within } from '#libs/runtime/backoff.ts';
import { ConfigError } from '#libs/runtime/config.ts';
import type { Logger } from '#libs/runtime/logger.ts';
import { connectOnce } from './connection.ts';
import type { DatabaseAddress } from './connection-string.ts';
import { isTransient } from './database.ts';

/** A step that takes longer (its connection may be dead) is tried again, milliseconds; another instance may be at it. */
const STEP_TIMEOUT_MS = 60_000;

/** How long the server may take to end the connection, milliseconds. */
const CLOSE_TIMEOUT_MS = 1_000;

/**
 * Brings the schema up to date: numbered SQL files, each once, all in one transaction behind an advisory lock, so that any
 * number of instances may start at once. Waits for a database that is not there yet.
 *
 * @throws what is wrong with a migration itself, or with the role that runs it
 */
export async function migrate(address: DatabaseAddress, log: Logger, signal?: AbortSignal): Promise<void> {
  const backoff = new Backoff({ baseMs: 200, maxMs: 3_000 });
  for (;;) {
    try {
      await migrateOnce(address, log);
      signal?.throwIfAborted();
      return;
    } catch (error) {
      if (signal?.aborted || !isTransient(error) || isSchemaFault(error)) throw error;
      log.warn({ err: error }, 'database not ready, will try again');
      await pause(backoff.next(), signal);
    }
  }
}

async function migrateOnce(address: DatabaseAddress, log: Logger): Promise<void> {
  const client = await connectOnce(address, { query_timeout: STEP_TIMEOUT_MS });
  try {
    // The lock belongs to a transaction: behind a pooler the next statement may run in another session, which could not
    // release it. The runner joins the transaction and commits it, unless there is nothing to do.
    await client.query('BEGIN');
    await client.query(`SELECT pg_advisory_xact_lock(${PG_MIGRATE_LOCK_ID})`);
    await runner({
      dbClient: client,
      dir: fileURLToPath(new URL('./sql', import.meta.url)),
      direction: 'up',
      migrationsSchema: await schemaOf(client),
      migrationsTable: 'sixfold_migrations',
      noLock: true,
      singleTransaction: true,
      checkOrder: true,
      logger: {
        debug: (message) => log.debug(message),
        info: (message) => log.debug(message),
        warn: (message) => log.warn(message),
        error: (message) => log.warn(message),
      },
    });
    await client.query('COMMIT');
  } finally {
    await within(CLOSE_TIMEOUT_MS, client.end());
  }
}

/** The schema in which the role's tables are made: `public`, or its own (deploy/postgres/role.sql). */
async function schemaOf(client: pg.Client): Promise<string> {
  const { rows } = await client.query<{ schema: string | null }>('SELECT current_schema() AS schema');
  const schema = rows[0]?.schema ?? null;
  if (schema === null)
    throw new ConfigError(
      'DATABASE_URL: the role has no schema to make tables in (see deploy/postgres/role.sql)',
    );
  return schema;
}

/** SQLSTATE class 42: the migration does not fit the schema it found. Trying again would not help. */
function isSchemaFault(error: unknown): boolean {
  if (error instanceof ConfigError) return true;
  return error instanceof Error && 'code' in error && String(error.code).startsWith('42');
}
