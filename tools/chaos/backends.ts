import amqp, { type ChannelModel } from 'amqplib';
import pg from 'pg';

const CONNECT_MS = 10_000;

/** Calls `use` with a connection, past every proxy, to the first node that takes one. @throws when none does */
export async function withBroker<T>(
  { amqpUrls: [url = '', ...others] }: { amqpUrls: readonly string[] },
  use: (connection: ChannelModel) => Promise<T>,
): Promise<T> {
  const connection = await amqp.connect(url, { timeout: 2_000 }).catch((error: unknown) => error as Error);
  if (connection instanceof Error) {
    if (others.length === 0) throw connection;
    return withBroker({ amqpUrls: others }, use);
  }
  connection.on('error', () => undefined); // the calls fail with it
  try {
    return await use(connection);
  } finally {
    await connection.close().catch(() => undefined); // it may be gone by now
  }
}

/** Runs one statement. */
export type Rows = (text: string) => Promise<Record<string, string>[]>;

/** Calls `use` with a function that runs one statement, past pooler and proxies. */
export async function withDatabase<T>(
  { databaseUrl }: { databaseUrl: string },
  use: (rows: Rows) => Promise<T>,
): Promise<T> {
  const database = new pg.Client({ connectionString: databaseUrl, connectionTimeoutMillis: CONNECT_MS });
  database.on('error', () => undefined); // the statement fails with it
  await database.connect();
  try {
    return await use(async (text) => (await database.query<Record<string, string>>(text)).rows);
  } finally {
    await database.end();
  }
}
