import { fileURLToPath } from 'node:url';
import { runner } from 'node-pg-migrate';
import { Backoff, pause } from '#libs/runtime/backoff.ts';
import type { Logger } from '#libs/runtime/logger.ts';
import { CONNECT_TIMEOUT_MS, isTransient } from './database.ts';

/** A step that takes longer (its connection may be dead) is tried again, milliseconds; another instance may be at it. */
const STEP_TIMEOUT_MS = 60_000;

/**
 * Brings the schema up to date: numbered SQL files, each once, behind an advisory lock, so that any number of
 * instances may start at once. Waits for a database that is not there yet.
 *
 * @throws what is wrong with a migration itself
 */
export async function migrate(databaseUrl: string, log: Logger, signal?: AbortSignal): Promise<void> {
  const backoff = new Backoff({ baseMs: 200, maxMs: 3_000 });
  for (;;) {
    try {
      await runner({
        databaseUrl: {
          connectionString: databaseUrl,
          connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
          query_timeout: STEP_TIMEOUT_MS,
        },
        dir: fileURLToPath(new URL('./sql', import.meta.url)),
        direction: 'up',
        migrationsTable: 'sixfold_migrations',
        advisoryLockMode: 'wait',
        checkOrder: true,
        logger: {
          debug: (message) => log.debug(message),
          info: (message) => log.debug(message),
          warn: (message) => log.warn(message),
          error: (message) => log.warn(message),
        },
      });
      signal?.throwIfAborted();
      return;
    } catch (error) {
      if (signal?.aborted || !isTransient(error) || isSchemaFault(error)) throw error;
      log.warn({ err: error }, 'database not ready, will try again');
      await pause(backoff.next(), signal);
    }
  }
}

/** SQLSTATE class 42: the migration does not fit the schema it found. Trying again would not help. */
function isSchemaFault(error: unknown): boolean {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('42');
}
