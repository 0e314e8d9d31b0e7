import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { beforeAll, describe, expect, inject, test } from 'vitest';
import { type ManagedProcess, startProcess, stopProcess } from '../tools/stack/managed-process.ts';
import { freePort } from '../tools/stack/ports.ts';
import { postgres } from '../tools/stack/postgres.ts';
import { rabbitMq } from '../tools/stack/rabbitmq.ts';
import { temporaryFolder } from './harness/infrastructure.ts';
import { until } from './harness/wait.ts';

/**
 * What a kill, a full disk or a power failure leaves half-written, or another version of Sixfold left: the private
 * database and broker start with it, or say what to do. They never give up data by themselves.
 */

let parent: string;
let port: number;

const cut = (file: string, share: number) => (folder: string) => {
  const path = join(folder, file);
  truncateSync(path, Math.floor(statSync(path).size * share));
};
const write = (file: string, content: string) => (folder: string) =>
  writeFileSync(join(folder, file), content);

beforeAll(async () => {
  parent = await temporaryFolder(inject('infrastructure').dataDir);
  port = await freePort();
});

describe('PostgreSQL', () => {
  let saved: string;

  const server = (dataDir: string) => postgres({ dataDir, port, logFile: join(dataDir, 'postgres.log') });

  /** Starts it, asks something, ends it. */
  async function ask(dataDir: string, question: string): Promise<unknown[]> {
    const spec = server(dataDir);
    const child = await startProcess(spec);
    const client = new pg.Client({ connectionString: spec.url });
    try {
      await client.connect();
      return (await client.query<Record<string, unknown>>(question)).rows;
    } finally {
      await client.end();
      await stopProcess(spec, child);
    }
  }

  beforeAll(async () => {
    saved = join(parent, 'saved');
    mkdirSync(saved);
    await ask(saved, 'CREATE TABLE survivors AS SELECT 1 AS id');
    writeFileSync(join(saved, 'postgres/cluster/postmaster.pid'), `999999999\n${saved}\n`); // as after a kill -9
  });

  test.for<[string, (folder: string) => void]>([
    ['an empty pid file: killed while it started', cut('cluster/postmaster.pid', 0)],
    ['half a pid file', cut('cluster/postmaster.pid', 0.5)],
    ['a pid file that is no text', write('cluster/postmaster.pid', '\0\0\0\0\0\0')],
    ['a pid that another process has now', write('cluster/postmaster.pid', `${process.pid}\n`)],
    ['an empty password file', cut('password', 0)],
    ['half a password', cut('password', 0.5)],
    ['no password file', (folder) => rmSync(join(folder, 'password'))],
    ['half a note of the password', cut('password.set', 0.5)],
    ['no note of it, as earlier versions', (folder) => rmSync(join(folder, 'password.set'))],
    [
      'half a cluster that was never used',
      (folder) => mkdirSync(join(folder, 'cluster.new/base'), { recursive: true }),
    ],
    ['no settings', cut('cluster/postgresql.conf', 0)],
    ['half of the options of the last start', cut('cluster/postmaster.opts', 0.5)],
    ['half of the settings that it changed itself', cut('cluster/postgresql.auto.conf', 0.5)],
  ])('starts with %s, and its data is there', async ([, damage], { task }) => {
    const dataDir = copyFor(task.id);
    damage(join(dataDir, 'postgres'));
    expect(await ask(dataDir, 'SELECT id FROM survivors')).toEqual([{ id: 1 }]);
    expect(readFileSync(join(dataDir, 'postgres/password'), 'utf8').trim()).toHaveLength(43);
  });

  test.for<[string, (folder: string) => void, RegExp]>([
    [
      'data of another version',
      write('cluster/PG_VERSION', '15\n'),
      /made by PostgreSQL 15.*pg_upgrade.*mv /s,
    ],
    ['no version', cut('cluster/PG_VERSION', 0), /PG_VERSION is missing or damaged.*backup.*mv /s],
    ['half a version', cut('cluster/PG_VERSION', 0.5), /PG_VERSION is missing or damaged.*backup.*mv /s],
    ['an empty control file', cut('cluster/global/pg_control', 0), /pg_control.*backup.*mv /s],
    ['no rules of access', cut('cluster/pg_hba.conf', 0), /pg_hba.conf.*backup.*mv /s],
  ])(
    'does not start with %s, says what to do, and leaves the data alone',
    async ([, damage, message], { task }) => {
      const dataDir = copyFor(task.id);
      damage(join(dataDir, 'postgres'));
      await expect(ask(dataDir, 'SELECT 1')).rejects.toThrow(message);
      expect(statSync(join(dataDir, 'postgres/cluster/base')).isDirectory()).toBe(true);
    },
  );

  /** A copy with the owners of the original. */
  function copyFor(name: string): string {
    const dataDir = join(parent, name);
    rmSync(dataDir, { recursive: true, force: true });
    execFileSync('cp', ['-a', saved, dataDir]);
    return dataDir;
  }
});

describe('RabbitMQ', () => {
  test('starts again after a first start that was killed half-way', async () => {
    const dataDir = join(parent, 'half-made');
    const folder = join(dataDir, 'rabbitmq');
    const tables = join(folder, 'mnesia/sixfold@localhost');
    const spec = await broker(dataDir);
    const first = await spec.launch(); // it writes its tables after a second or two
    await until(() => existsSync(join(tables, 'schema.DAT')), { what: 'its tables' });
    first.kill('SIGKILL');
    await first.exited;
    await spec.afterExit?.();
    for (const file of ['schema.DAT', 'cluster_nodes.config']) write(file, '')(tables);
    await startAndStop(spec);
    // From now on the data is somebody's.
    write('schema.DAT', '')(tables);
    await expect(startAndStop(spec)).rejects.toThrow(/rabbitmq.*backup.*mv /s);
    expect(existsSync(tables)).toBe(true);
  });

  test('starts with a cookie, a password and a pid that were cut off, and takes the new password', async () => {
    const dataDir = join(parent, 'cut-off');
    const folder = join(dataDir, 'rabbitmq');
    await startAndStop(await broker(dataDir));
    for (const file of ['.erlang.cookie', 'password', 'rabbitmq.conf', 'enabled_plugins', 'definitions.json'])
      cut(file, file === 'password' ? 0.5 : 0)(folder);
    write('pid', '')(folder);
    for (const file of ['nodes_running_at_shutdown', 'cluster_nodes.config'])
      cut(`mnesia/sixfold@localhost/${file}`, 0.5)(folder);
    await startAndStop(await broker(dataDir));
  });

  async function broker(dataDir: string) {
    const [distributionPort, epmdPort] = [await freePort(), await freePort()];
    return rabbitMq({ dataDir, port, distributionPort, epmdPort, logFile: join(dataDir, 'rabbitmq.log') });
  }

  /** Ready means that it takes the password of today. */
  async function startAndStop(spec: ManagedProcess): Promise<void> {
    await stopProcess(spec, await startProcess(spec));
  }
});
