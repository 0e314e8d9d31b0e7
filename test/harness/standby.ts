import { execFile } from 'node:child_process';
import { appendFileSync, chownSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { postgres } from '../../tools/stack/postgres.ts';
import { ProcessHandle } from '../../tools/testkit/process-handle.ts';
import { watchLog } from './logs.ts';
import { until } from './wait.ts';

const run = promisify(execFile);

/** Where a server is that is to be copied, and where the copy goes. */
export interface StandbyOptions {
  dataDir: string;
  /** Name of the running server and of its folder, and its address. */
  of: { name: string; url: string };
  /** Name of the standby and of its folder; also its name in `synchronous_standby_names`. */
  name: string;
  port: number;
}

/** A database server that is a standby, or was one. */
export interface Standby {
  server: ProcessHandle;
  url: string;
}

/** Starts a streaming standby: a copy of the other server's folder, as `pg_basebackup` makes one, which we do not have. */
export async function startStandby({ dataDir, of, name, port }: StandbyOptions): Promise<Standby> {
  const folder = join(dataDir, name);
  const cluster = join(folder, 'cluster');
  const label = await withServer(of.url, async (query) => {
    await query(`SELECT pg_backup_start('standby', fast => true)`);
    await run('cp', ['-a', join(dataDir, of.name), folder]);
    return (await query('SELECT labelfile FROM pg_backup_stop()'))[0]?.['labelfile'];
  });
  rmSync(join(cluster, 'postmaster.pid'));
  const { uid, gid } = statSync(cluster);
  for (const [file, text] of Object.entries({ backup_label: String(label), 'standby.signal': '' })) {
    writeFileSync(join(cluster, file), text);
    chownSync(join(cluster, file), uid, gid);
  }
  const { hostname, port: from, username, password } = new URL(of.url);
  const where = `host=${hostname} port=${from} user=${username} password=${password} application_name=${name}`;
  // The copy's own lines are those of its origin; the last one counts.
  const settings = `primary_conninfo = '${where}'\nsynchronous_standby_names = ''\n`;
  appendFileSync(join(cluster, 'postgresql.auto.conf'), settings);

  const spec = postgres({ dataDir, port, name, logFile: join(dataDir, 'logs', `${name}.log`) });
  watchLog(spec.name, spec.logFile);
  const isReady = () => withServer(spec.url, async (query) => (await query('SELECT 1')).length === 1);
  return { server: await ProcessHandle.start({ ...spec, isReady }), url: spec.url };
}

/** From now on nothing is committed on `url` that the standby does not have. */
export async function waitFor(url: string, standby: string): Promise<void> {
  await withServer(url, async (query) => {
    await query(`ALTER SYSTEM SET synchronous_standby_names = ${pg.escapeLiteral(standby)}`);
    await query('SELECT pg_reload_conf()');
    const state = `SELECT 1 FROM pg_stat_replication WHERE application_name = $1 AND sync_state = 'sync'`;
    await until(async () => (await query(state, [standby])).length > 0, { what: `${standby} to keep up` });
  });
}

/** Cuts a standby off from its primary, until that is mended. */
export async function cutOff({ url }: Standby) {
  const follow = async (where: string) => {
    await withServer(url, async (query) => {
      await query(`ALTER SYSTEM SET primary_conninfo = ${pg.escapeLiteral(where)}`);
      await query('SELECT pg_reload_conf()');
    });
  };
  const [row] = await withServer(url, (query) => query('SHOW primary_conninfo'));
  await follow('');
  const mend = () => follow(String(row?.['primary_conninfo']));
  return { mend, [Symbol.asyncDispose]: mend };
}

/** Makes a standby the primary. */
export async function promote({ url }: Standby): Promise<void> {
  await withServer(url, (query) => query('SELECT pg_promote(true, 60)'));
}

type Query = (text: string, values?: unknown[]) => Promise<Record<string, unknown>[]>;

/** One connection to one server, whatever that is at the moment. */
export async function withServer<T>(url: string, use: (query: Query) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000 });
  client.on('error', () => undefined); // the query fails with it
  await client.connect();
  try {
    return await use(
      async (text, values) => (await client.query<Record<string, unknown>>(text, values)).rows,
    );
  } finally {
    await client.end();
  }
}
