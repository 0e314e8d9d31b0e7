import { chmodSync, chownSync, copyFileSync, mkdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { connectOnce } from '#libs/store/connection.ts';
import { type Child, startChild } from './child.ts';
import { childEnvironment } from './environment.ts';
import type { ManagedProcess } from './managed-process.ts';
import { postgresAccount } from './postgres-account.ts';
import { postgresBinaries } from './postgres-binaries.ts';
import { postgresData, USER } from './postgres-data.ts';
import { serverState } from './postgres-pid-file.ts';
import { readOrCreateSecret } from './secret.ts';

/** Where a private database server lives. The port may change between starts. */
export interface PostgresOptions {
  /** Data directory of the stack; the server keeps everything in a folder below it. */
  dataDir: string;
  /** Name of the process and of that folder: `postgres`, unless there are several. */
  name?: string;
  port: number;
  logFile: string;
  /** Also takes connections with TLS; files in PEM. */
  tls?: { cert: string; key: string } | undefined;
}

/** The user's settings for psql and friends must not leak into the private server. */
const FOREIGN_SETTINGS = /^(PG|LC_|LANG$)/;

const SETTINGS = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  max_connections: '100',
  fsync: 'on',
  synchronous_commit: 'on',
  log_min_messages: 'warning',
};

/** A private PostgreSQL server: loopback only, password from its data directory, never root. */
export function postgres(options: PostgresOptions): ManagedProcess & { url: string } {
  const { name = 'postgres', port, logFile, tls } = options;
  const files = prepareFolder(options);
  const url = `postgres://${USER}:${files.password}@127.0.0.1:${port}/postgres`;
  return {
    name,
    port,
    url,
    logFile,
    stopRank: 2, // what the services stand on
    stopSignal: 'SIGINT', // "fast": ends the sessions; SIGTERM would wait for clients to leave
    stopTimeoutMs: 30_000,
    startTimeoutMs: 60_000,
    ifDamaged: files.ifDamaged,
    launch: async () => {
      await files.prepare();
      const encryption = tls && { ssl: 'on', ssl_cert_file: tls.cert, ssl_key_file: files.own(tls.key) };
      const settings = Object.entries({ ...SETTINGS, port: String(port), ...encryption });
      return files.run('postgres', [
        '-D',
        files.cluster,
        ...settings.flatMap(([k, v]) => ['-c', `${k}=${v}`]),
      ]);
    },
    isReady: () => acceptsQueries(url),
    tend: (child) => finishShutdown(files.cluster, child),
  };
}

/** Whether the server at `url` (or one of several) answers, and takes writes. @param ca as DATABASE_CA */
export async function acceptsQueries(url: string, ca?: string): Promise<boolean> {
  const connection = await connectOnce({ DATABASE_URL: url, DATABASE_CA: ca }, {});
  await connection.end();
  return true;
}

function prepareFolder({ dataDir, name = 'postgres', logFile }: PostgresOptions) {
  const folder = join(dataDir, name);
  const [cluster, passwordFile] = [join(folder, 'cluster'), join(folder, 'password')];
  const binaries = postgresBinaries();
  const account = postgresAccount([cluster, binaries.initdb]);
  mkdirSync(folder, { recursive: true });
  const password = readOrCreateSecret(passwordFile);
  const { uid, gid, prefix } = account;
  if (uid !== undefined && gid !== undefined) [folder, passwordFile].forEach((p) => chownSync(p, uid, gid));

  /** A copy that nobody else may read: the server refuses any other key. */
  const own = (file: string): string => {
    const copy = join(folder, basename(file));
    copyFileSync(file, copy);
    chmodSync(copy, 0o600);
    if (uid !== undefined && gid !== undefined) chownSync(copy, uid, gid);
    return copy;
  };
  const run = (program: 'initdb' | 'postgres', args: string[], input?: string): Promise<Child> => {
    const [command = '', ...rest] = [...prefix, binaries[program], ...args];
    const env = childEnvironment(dataDir, { LC_ALL: 'C' }, FOREIGN_SETTINGS);
    return startChild({ command, args: rest, env, cwd: folder, logFile, uid, gid, input });
  };
  const data = postgresData({
    folder,
    cluster,
    password,
    passwordFile,
    version: binaries.version,
    logFile,
    run,
  });
  return { cluster, password, own, run, ...data };
}

/**
 * A SIGTERM from outside makes the server wait for its clients to leave, refusing new ones, for as long
 * as our services hold a connection. Turns that into an end at once, after which it is started again.
 */
function finishShutdown(cluster: string, child: Child): void {
  if (serverState(cluster) === 'stopping') child.kill('SIGINT');
}
