import type pg from 'pg';
import type { Logger } from '#libs/runtime/logger.ts';

/** What PgBouncer says of a setting that it does not know, and so cannot keep apart for each of its clients. */
const UNSUPPORTED = 'unsupported startup parameter';

/**
 * Notices a connection pooler before the database (PgBouncer and the like). One that lends a server's connection for a
 * transaction gives the next statement to another session: what was prepared in one is unknown there, or worse, is another
 * version's statement of the same name. So nothing may be prepared by name.
 */
export class PoolerDetector {
  readonly #log: Logger;
  #seen = false;
  #refused = false;

  constructor(log: Logger) {
    this.#log = log;
  }

  /** Whether there is one, as far as is known. */
  get seen(): boolean {
    return this.#seen;
  }

  /** Checks a new connection: an answer under another process id than the server's own comes from a pooler. */
  async meet(client: pg.ClientBase): Promise<void> {
    const { processID } = client as pg.ClientBase & { processID?: number | null }; // pg does not tell the type
    const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
    if (this.#seen || rows[0]?.pid === processID) return;
    this.#seen = true;
    this.#log.info('a connection pooler stands before the database: statements are not prepared');
  }

  /** Options of a connection, without the time limit for statements if that was refused. */
  allow(options: pg.ClientConfig): pg.ClientConfig {
    return this.#refused ? { ...options, statement_timeout: false } : options;
  }

  /** Whether a connection was refused because of that time limit; from now on nobody asks for it. */
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
