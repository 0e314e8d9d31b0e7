import pg from 'pg';
import { DatabaseServers } from './database-servers.ts';
import type { DatabaseAddress } from './connection-string.ts';

/** How long it may take to get a connection, milliseconds. */
export const CONNECT_TIMEOUT_MS = 3_000;

/** Says `on` on a standby, and where an operator has fenced a primary (`default_transaction_read_only`). */
const READ_ONLY = { text: 'SHOW transaction_read_only', query_timeout: CONNECT_TIMEOUT_MS };

/** SQLSTATE: the server has become a standby, or was fenced, since we connected. */
export function isReadOnly(error: unknown): boolean {
  return error instanceof pg.DatabaseError && error.code === '25006';
}

type Callback = ((error: Error) => void) | ((error: null, client: pg.Client) => void);

/** A connection to the server whose turn it is. It fails if that takes no writes, and then the next one has its turn. */
export class Connection extends pg.Client {
  readonly #servers: DatabaseServers;
  readonly #turn: number;

  constructor(servers: DatabaseServers, options: pg.ClientConfig) {
    const { address, turn } = servers.current;
    super({ ...options, connectionString: address });
    this.#servers = servers;
    this.#turn = turn;
  }

  override connect(): Promise<pg.Client>;
  override connect(callback: Callback): void;
  override connect(callback?: Callback): Promise<pg.Client> | undefined {
    const opening = this.#open();
    if (!callback) return opening;
    const done = callback as (error: unknown, client?: pg.Client) => void; // the pool's
    opening.then((client) => done(null, client), done);
    return undefined;
  }

  async #open(): Promise<pg.Client> {
    this.on('error', ignore); // what is under way fails with it
    try {
      await super.connect();
      const { rows } = await this.query<{ transaction_read_only: string }>(READ_ONLY);
      if (rows[0]?.transaction_read_only === 'on')
        throw new Error('this database server takes no writes: a standby, or a primary that was fenced');
      this.off('error', ignore);
      return this;
    } catch (error) {
      this.#servers.leave(this.#turn);
      void this.end().catch(ignore);
      throw error;
    }
  }
}

const ignore = () => undefined;

/** A connection to the first of the servers that takes writes. @throws what the last one said */
export async function connectOnce(address: DatabaseAddress, options: pg.ClientConfig): Promise<Connection> {
  const servers = new DatabaseServers(address);
  for (let left = servers.count; ; left -= 1) {
    const connection = new Connection(servers, { connectionTimeoutMillis: CONNECT_TIMEOUT_MS, ...options });
    try {
      await connection.connect();
      connection.on('error', ignore); // whatever is under way fails with it
      return connection;
    } catch (error) {
      if (left <= 1) throw error;
    }
  }
}
