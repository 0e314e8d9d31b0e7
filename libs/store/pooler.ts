import type pg from 'pg';
import type { Logger } from '#libs/runtime/logger.ts';

/** PgBouncer's error for a setting that it cannot track for each client. */
const UNSUPPORTED = 'unsupported startup parameter';

/**
 * Detects a connection pooler in front of the database (PgBouncer and the like). In transaction mode the next statement may
 * run in another server session, where a prepared statement is unknown or, worse, is another version's statement of the
 * same name. So nothing may be prepared by name.
 */
export class PoolerDetector {
  readonly #log: Logger;
  #seen = false;
  #refused = false;

  constructor(log: Logger) {
    this.#log = log;
  }

  /** Whether a pooler was detected. */
  get seen(): boolean {
    return this.#seen;
  }

  /** Checks a new connection: an answer under another process id than the server's own comes from a pooler. */
  async meet(client: pg.ClientBase): Promise<void> {
    const { processID } = client as pg.ClientBase & { processID?: number | null }; // missing in the types of pg
    const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
    if (this.#seen || rows[0]?.pid === processID) return;
    this.#seen = true;
    this.#log.info('a connection pooler stands before the database: statements are not prepared');
  }

  /** Options of a connection, without the statement timeout if the pooler refused it. */
  allow(options: pg.ClientConfig): pg.ClientConfig {
    return this.#refused ? { ...options, statement_timeout: false } : options;
  }

  /** Whether the pooler refused the statement timeout; later connections do not ask for it. */
  refuses(error: unknown): boolean {
    if (!(error instanceof Error) || !error.message.includes(UNSUPPORTED)) return false;
    if (!this.#refused)
      this.#log.warn(
        { err: error },
        'the connection pooler takes no statement_timeout: set it for the role (docs/OPERATIONS.md)',
      );
    this.#refused = true;
    return true;
  }
}
