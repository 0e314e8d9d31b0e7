import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startChild } from '../stack/child.ts';
import { childEnvironment } from '../stack/environment.ts';
import { debianProgram } from '../stack/install.ts';
import type { ManagedProcess } from '../stack/managed-process.ts';
import { freePort } from '../stack/ports.ts';
import { giveTo, postgresAccount } from '../stack/postgres-account.ts';
import { acceptsQueries } from '../stack/postgres.ts';
import { ProcessHandle } from './process-handle.ts';

/** What operators put before a database or a broker, as Debian has it, with its default settings. */
export interface Middleman {
  process: ProcessHandle;
  /** Where it is. */
  url: string;
}

export interface Program extends Pick<ManagedProcess, 'name' | 'port' | 'stopSignal' | 'isReady'> {
  command: string[];
  account?: { uid?: number | undefined; gid?: number | undefined };
}

/** Starts it, with a log of its own, and waits until it is ready. */
export function startMiddleman(
  dataDir: string,
  { command: [command = '', ...args], account, ...spec }: Program,
): Promise<ProcessHandle> {
  const logFile = join(dataDir, 'logs', `${spec.name}.log`);
  const env = childEnvironment(dataDir, {});
  return ProcessHandle.start({
    ...spec,
    logFile,
    stopRank: 1,
    stopTimeoutMs: 10_000,
    startTimeoutMs: 60_000,
    launch: () => startChild({ command, args, cwd: dataDir, env, logFile, ...account }),
  });
}

/** A new folder for its settings. */
export function folderFor(dataDir: string, name: string): string {
  const folder = join(dataDir, name);
  mkdirSync(folder);
  return folder;
}

/** The address of what stands before `url`. @param host of the loopback: `127.0.0.1` or `[::1]` */
export function moved(url: string, host: string, port: number): string {
  const changed = new URL(url);
  [changed.hostname, changed.port] = [host, String(port)];
  return changed.href;
}

export interface PgBouncerOptions {
  /** For how long a client has a server's connection. */
  mode?: 'session' | 'transaction';
  /** An address of the loopback. */
  host?: '127.0.0.1' | '::1';
}

/** PgBouncer before the database at `databaseUrl`: a server's connection is lent for a transaction (or as `mode` says). */
export async function pgBouncer(
  dataDir: string,
  databaseUrl: string,
  { mode = 'transaction', host = '127.0.0.1' }: PgBouncerOptions = {},
): Promise<Middleman> {
  const [command, port, target] = [await debianProgram('pgbouncer'), await freePort(), new URL(databaseUrl)];
  const folder = folderFor(dataDir, `pgbouncer-${mode}-${port}`);
  const [settings, users] = [join(folder, 'pgbouncer.ini'), join(folder, 'users.txt')];
  writeFileSync(users, `"${target.username}" "${decodeURIComponent(target.password)}"\n`);
  const lines = [
    '[databases]',
    `* = host=${target.hostname} port=${target.port}`,
    '[pgbouncer]',
    `listen_addr = ${host}`,
    `listen_port = ${port}`,
    'unix_socket_dir =',
    'auth_type = scram-sha-256',
    `auth_file = ${users}`,
    `pool_mode = ${mode}`,
  ];
  writeFileSync(settings, `${lines.join('\n')}\n`);
  const { prefix, ...account } = postgresAccount([settings]); // it does not run as root either
  giveTo(account, folder, settings, users);
  const url = moved(databaseUrl, host.includes(':') ? `[${host}]` : host, port);
  const process = await startMiddleman(dataDir, {
    name: `pgbouncer-${mode}`,
    port,
    command: [...prefix, command, settings],
    stopSignal: 'SIGINT',
    isReady: () => acceptsQueries(url),
    account,
  });
  return { process, url };
}
