import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { debianProgram } from '../stack/install.ts';
import { folderFor, type Middleman, moved, startMiddleman } from './middleman.ts';
import { freePort } from '../stack/ports.ts';
import { postgresAccount } from '../stack/postgres-account.ts';
import { acceptsQueries, giveTo } from '../stack/postgres.ts';

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
  const account = postgresAccount([settings]); // it does not run as root either
  giveTo(account, folder, settings, users);
  const url = moved(databaseUrl, host.includes(':') ? `[${host}]` : host, port);
  const process = await startMiddleman(dataDir, {
    name: `pgbouncer-${mode}`,
    port,
    command: [...account.prefix, command, settings],
    stopSignal: 'SIGINT',
    isReady: () => acceptsQueries(url),
    account: { uid: account.uid, gid: account.gid },
  });
  return { process, url };
}
