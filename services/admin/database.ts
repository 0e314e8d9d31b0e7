import pg from 'pg';
import { createLogger } from '#libs/runtime/logger.ts';
import { Database } from '#libs/store/database.ts';
import type { AdminConfig } from './config.ts';
import { AdminError } from './errors.ts';

/** SQLSTATE: login refused (28), permission denied (42501), schema or table missing (3F000, 42P01). */
const REFUSED = /^(28|42501)/;
const MISSING = /^(3F000|42P01|3D000)/;

/** Connects a command to the database. @throws AdminError when the database is out of reach, or refuses */
export async function withDatabase<T>(config: AdminConfig, use: (db: Database) => Promise<T>): Promise<T> {
  const db = new Database(config, 'admin', createLogger('admin', 'silent'));
  try {
    return await use(db);
  } catch (cause) {
    if (cause instanceof AdminError) throw cause;
    const text = cause instanceof Error ? cause.message : String(cause);
    const code = cause instanceof pg.DatabaseError ? (cause.code ?? '') : '';
    if (REFUSED.test(code)) throw new AdminError('refused', `the database says: ${text}`, { cause });
    if (MISSING.test(code)) throw new AdminError('not_set_up', `the database says: ${text}`, { cause });
    throw new AdminError('database_unreachable', `the database: ${text}`, { cause });
  } finally {
    await db.close();
  }
}
