import { chmodSync, copyFileSync, mkdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { connectOnce } from '#libs/store/connection.ts';
import { startChild } from './child.ts';
import { childEnvironment } from './environment.ts';
import type { ManagedProcess } from './managed-process.ts';
import { giveTo, postgresAccount } from './postgres-account.ts';
import { postgresBinaries } from './postgres-binaries.ts';
import { adviceFor, prepareData, USER } from './postgres-data.ts';
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
  const { dataDir, name = 'postgres', port, logFile, tls } = options;
  const folder = join(dataDir, name);
  const [cluster, passwordFile] = [join(folder, 'cluster'), join(folder, 'password')];
  const binaries = postgresBinaries();
  const { prefix, ...account } = postgresAccount([cluster, binaries.initdb]);
  mkdirSync(folder, { recursive: true });
  const password = readOrCreateSecret(passwordFile);
  giveTo(account, folder, passwordFile);
  const url = `postgres://${USER}:${password}@127.0.0.1:${port}/postgres`;

  /** A copy that nobody else may read: the server refuses any other key. */
  const own = (file: string): string => {
    const copy = join(folder, basename(file));
    copyFileSync(file, copy);
    chmodSync(copy, 0o600);
    giveTo(account, copy);
    return copy;
  };
  const run = (program: 'initdb' | 'postgres', args: string[], input?: string) => {
    const [command = '', ...rest] = [...prefix, binaries[program], ...args];
    const env = childEnvironment(dataDir, { LC_ALL: 'C' }, FOREIGN_SETTINGS);
    return startChild({ command, args: rest, env, cwd: folder, logFile, ...account, input });
  };
  return {
    name,
    port,
    url,
    logFile,
    stopRank: 2, // what the services stand on
    stopSignal: 'SIGINT', // "fast": ends the sessions; SIGTERM would wait for clients to leave
    stopTimeoutMs: 30_000,
    startTimeoutMs: 60_000,
    ifDamaged: adviceFor(folder),
    launch: async () => {
      const { version } = binaries;
      await prepareData({ folder, cluster, password, passwordFile, version, logFile, run });
      const encryption = tls && { ssl: 'on', ssl_cert_file: tls.cert, ssl_key_file: own(tls.key) };
      const settings = Object.entries({ ...SETTINGS, port: String(port), ...encryption });
      return run('postgres', ['-D', cluster, ...settings.flatMap(([k, v]) => ['-c', `${k}=${v}`])]);
    },
    isReady: () => acceptsQueries(url),
    // A SIGTERM from outside makes the server wait for its clients to leave, refusing new ones, for as long as our
    // services hold a connection. This turns it into an end at once, after which the server is started again.
    tend: (child) => {
      if (serverState(cluster) === 'stopping') child.kill('SIGINT');
    },
  };
}

/** Whether the server at `url` (or one of several) answers, and takes writes. @param ca as DATABASE_CA */
export async function acceptsQueries(url: string, ca?: string): Promise<boolean> {
  const connection = await connectOnce({ DATABASE_URL: url, DATABASE_CA: ca }, {});
  await connection.end();
  return true;
}
