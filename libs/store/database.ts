import { Socket } from 'node:net';
import { setInterval } from 'node:timers';
import pg from 'pg';
import { within } from '#libs/runtime/backoff.ts';
import type { Logger } from '#libs/runtime/logger.ts';
import { CONNECT_TIMEOUT_MS, Connection, isReadOnly } from './connection.ts';
import type { DatabaseAddress } from './connection-string.ts';
import { databaseConnected, statementsTotal } from './metrics.ts';
import { PoolerDetector } from './pooler.ts';
import { DatabaseServers } from './database-servers.ts';

/** A named statement: prepared once on each connection, unless there is a pooler. */
export interface Statement {
  readonly name: string;
  readonly text: string;
  /** Its timeout, instead of DATABASE_TIMEOUT_MS. */
  readonly timeoutMs?: number;
  /** It decides facts that have events (deciding-statement.ts): their types, and the statement that records them, too. */
  readonly decides?: { readonly types: readonly string[]; readonly recording: Statement };
}

/** Gets the events of what statements decide. */
export interface EventRecorder {
  /** The owner of the events in the outbox. */
  readonly owner: string;
  /** Those that are wanted. */
  readonly types: readonly string[];
  /** Some may be in the outbox now. */
  recorded(): void;
}

/** A batch holds a connection for a few milliseconds; more of them than this only compete for the same cores. */
const POOL_SIZE = 5;
const PING_MS = 2_000;
/** Time for the server to end its connections when we close, milliseconds. */
const CLOSE_TIMEOUT_MS = 1_000;
/** After this the end of the process closes what is left, milliseconds. */
const CLOSE_LATEST_MS = 2_500;

export interface DatabaseOptions extends DatabaseAddress {
  DATABASE_TIMEOUT_MS: number;
}

/** SQLSTATE classes of faulty data: 21 cardinality, 22 data exception, 23 constraint violation, 54 limit exceeded. */
const DATA_FAULT = /^(2[123]|54)/;

/**
 * Whether a failure passes by itself. In doubt it does: to wait is safe, to give up a good message is not. Only faulty
 * data, or a bug of ours, stays.
 */
export function isTransient(error: unknown): boolean {
  if (error instanceof pg.DatabaseError) return !DATA_FAULT.test(error.code ?? '');
  return !(error instanceof TypeError || error instanceof RangeError || error instanceof ReferenceError);
}

/**
 * Postgres, with a pool that notices outages and recovers without a restart. Of several servers it uses the one that takes
 * writes.
 */
export class Database {
  readonly #pool: pg.Pool;
  readonly #servers: DatabaseServers;
  readonly #pooler: PoolerDetector;
  readonly #log: Logger;
  readonly #pinging: NodeJS.Timeout;
  /** Includes connections that the pool has dropped and that may be half-open. */
  readonly #sockets = new Set<Socket>();
  #recorder: EventRecorder | undefined;
  #connected = false;
  #lastSuccess = 0;

  constructor(options: DatabaseOptions, service: string, log: Logger) {
    const { DATABASE_TIMEOUT_MS } = options;
    this.#log = log;
    const [servers, pooler] = [new DatabaseServers(options), new PoolerDetector(log)];
    [this.#servers, this.#pooler] = [servers, pooler];
    this.#pool = new pg.Pool({
      Client: class extends Connection {
        constructor(config: pg.ClientConfig = {}) {
          super(servers, pooler.allow(config));
        }
      },
      application_name: `sixfold-${service}`,
      max: POOL_SIZE,
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      // A hanging query closes its connection; this ends it on the server, too.
      query_timeout: DATABASE_TIMEOUT_MS,
      statement_timeout: DATABASE_TIMEOUT_MS,
      keepAlive: true,
      stream: () => this.#socket(),
      verify: (client, done) => {
        pooler.meet(client).then(() => done(), done);
      },
    });
    // The pool does not listen while a connection is in use; the query fails with it.
    this.#pool.on('connect', (client) => client.on('error', ignore));
    this.#pool.on('error', ({ name, message, stack }) => {
      // Not the error itself: the pool attaches its whole client to it.
      log.warn({ err: { type: name, message, stack } }, 'idle database connection lost');
    });
    this.#pinging = setInterval(() => void this.#ping(), PING_MS);
  }

  /** Whether the last query reached the database. */
  get connected(): boolean {
    return this.#connected;
  }

  /** From now on the events of what statements decide are recorded as well. */
  recordEvents(recorder: EventRecorder): void {
    this.#recorder = recorder;
  }

  async query<Row extends pg.QueryResultRow>(statement: Statement, values: unknown[] = []): Promise<Row[]> {
    const recorder = this.#recorder;
    const { decides } = statement;
    if (!recorder || !decides?.types.some((type) => recorder.types.includes(type)))
      return this.#query(statement, values);
    try {
      return await this.#query<Row>(decides.recording, [...values, recorder.owner, recorder.types]);
    } finally {
      recorder.recorded(); // a failed statement may have been committed
    }
  }

  async close(): Promise<void> {
    clearInterval(this.#pinging);
    // The pool's end waits for running statements, which may wait for a server out of reach.
    const late = setInterval(() => this.#sockets.forEach((socket) => socket.destroy()), CLOSE_TIMEOUT_MS);
    const ended = await within(CLOSE_LATEST_MS, this.#end());
    clearInterval(late);
    if (ended) return;
    const { totalCount, idleCount, waitingCount } = this.#pool;
    const pool = { totalCount, idleCount, waitingCount, sockets: this.#sockets.size };
    this.#log.warn({ pool }, 'database connections do not end: the end of the process closes them');
  }

  async #end(): Promise<true> {
    await this.#pool.end();
    await Promise.all([...this.#sockets].map((socket) => new Promise((end) => socket.once('close', end))));
    return true;
  }

  async #query<Row extends pg.QueryResultRow>(statement: Statement, values: unknown[]): Promise<Row[]> {
    statementsTotal.inc({ statement: statement.name });
    try {
      const { rows } = await this.#run<Row>(statement, values);
      this.#reached(true);
      return rows;
    } catch (error) {
      const answered = error instanceof pg.DatabaseError && !/^(08|57)/.test(error.code ?? '');
      this.#reached(answered && !isReadOnly(error), error);
      throw error;
    }
  }

  /** A statement that a read-only server refused had no effect: it goes to the server that takes writes. */
  async #run<Row extends pg.QueryResultRow>({ name, text, timeoutMs }: Statement, values: unknown[]) {
    const limit = timeoutMs === undefined ? {} : { query_timeout: timeoutMs };
    for (let outdated = POOL_SIZE; ; outdated -= 1) {
      const client = await this.#connect();
      try {
        const result = await client.query<Row>({
          text,
          values,
          ...limit,
          ...(!this.#pooler.seen && { name }),
        });
        client.release();
        return result;
      } catch (error) {
        client.release(true);
        if (!isReadOnly(error) || outdated === 0) throw error;
      }
    }
  }

  /** Tries each server once, and the first one again without the options that a pooler refused. */
  async #connect(): Promise<pg.PoolClient> {
    let [left, isFirst] = [this.#servers.count, true];
    for (;;)
      try {
        return await this.#pool.connect();
      } catch (error) {
        if (isFirst && this.#pooler.refuses(error)) isFirst = false;
        else if (--left <= 0) throw error;
      }
  }

  #socket(): Socket {
    const socket = new Socket();
    this.#sockets.add(socket);
    return socket.once('close', () => this.#sockets.delete(socket));
  }

  #reached(connected: boolean, error?: unknown): void {
    if (connected) this.#lastSuccess = performance.now();
    if (connected && !this.#connected) this.#log.info('database connected');
    if (!connected && this.#connected) this.#log.warn({ err: error }, 'database lost');
    this.#connected = connected;
    databaseConnected.set(connected ? 1 : 0);
  }

  /** Notices an outage, and its end, without traffic, too. */
  async #ping(): Promise<void> {
    if (performance.now() - this.#lastSuccess < PING_MS) return;
    await this.query({ name: 'ping', text: 'SELECT 1' }).catch((error: unknown) => {
      this.#log.debug({ err: error }, 'database does not answer');
    });
  }
}

const ignore = () => undefined;
