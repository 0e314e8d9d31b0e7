import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { REPOSITORY } from '../tools/stack/environment.ts';
import { createDatabase, dropDatabase } from './harness/database-admin.ts';

/** Every instance of routing and ack migrates when it starts; they may all start at the same moment. */

const run = promisify(execFile);

const MIGRATE = `
  import { migrate } from '#libs/store/migrate.ts';
  import { createLogger } from '#libs/runtime/logger.ts';
  const log = createLogger('migration', 'warn');
  const one = () => migrate(process.env, log);
  await Promise.all(Array.from({ length: Number(process.env.AT_ONCE) }, one));
`;

/** Processes, and migrations of each: those of one process are sure to begin at the same moment. */
const PROCESSES = 2;
const AT_ONCE = 5;
const NAME = `migrations_${process.pid}`;

let databaseUrl: string;
let database: pg.Client;

beforeAll(async () => {
  databaseUrl = await createDatabase(inject('infrastructure').databaseUrl, NAME);
  database = new pg.Client({ connectionString: databaseUrl });
  await database.connect();
});

afterAll(async () => {
  await database.end();
  await dropDatabase(inject('infrastructure').databaseUrl, NAME);
});

/** Migrates in a process of its own, with several connections at once. @returns what it had to say */
async function migrate(atOnce: number): Promise<string> {
  const { stdout, stderr } = await run(process.execPath, ['--input-type=module', '--eval', MIGRATE], {
    cwd: REPOSITORY,
    env: { PATH: process.env['PATH'], DATABASE_URL: databaseUrl, AT_ONCE: String(atOnce) },
  });
  return stdout + stderr;
}

async function migrated(): Promise<string[]> {
  const { rows } = await database.query<{ name: string }>('SELECT name FROM sixfold_migrations ORDER BY id');
  return rows.map(({ name }) => name);
}

test('instances that start at once on an empty database migrate it once', async () => {
  const outputs = await Promise.all(Array.from({ length: PROCESSES }, () => migrate(AT_ONCE)));
  expect(outputs).toEqual(outputs.map(() => '')); // no warning, no second try
  const files = readdirSync(join(REPOSITORY, 'libs/store/sql')).map((file) => file.replace(/\.sql$/, ''));
  expect(await migrated()).toEqual(files.sort());
  await database.query('SELECT FROM sessions, gateways, offline_messages, offline_receipts');
});

test('migrating again changes nothing, and keeps the data', async () => {
  const before = await migrated();
  await database.query(
    `INSERT INTO offline_messages (recipient, sender, id, body, at) VALUES ('bob', 'alice', 'm', '1', 1)`,
  );
  expect(await migrate(1)).toBe('');
  expect(await migrated()).toEqual(before);
  expect((await database.query('SELECT FROM offline_messages')).rowCount).toBe(1);
});

test('a version that does not know the latest migration starts all the same: one can go back', async () => {
  await database.query(
    `INSERT INTO sixfold_migrations (name, run_on) VALUES ('9999_of_a_later_version', now())`,
  );
  expect(await migrate(1)).toBe('');
});
