import { chownSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { startChild } from '../../tools/stack/child.ts';
import { childEnvironment } from '../../tools/stack/environment.ts';
import type { ManagedProcess } from '../../tools/stack/managed-process.ts';
import { freePort } from '../../tools/stack/ports.ts';
import { postgresAccount } from '../../tools/stack/postgres-account.ts';
import { acceptsQueries } from '../../tools/stack/postgres.ts';
import { ProcessHandle } from '../../tools/stack/process-handle.ts';
import type { Certificates } from './certificates.ts';
import { debianProgram } from './debian-program.ts';

/** What operators put before a database or a broker, as Debian has it, with its default settings; on the IPv6 loopback. */

/** Where it is, and the process. */
export interface Middleman {
  process: ProcessHandle;
  url: string;
}

/** PgBouncer before the database at `databaseUrl`: a server's connection is lent for a transaction (or as `mode` says). */
export async function pgBouncer(
  dataDir: string,
  databaseUrl: string,
  mode: 'session' | 'transaction' = 'transaction',
): Promise<Middleman> {
  const [command, port, target] = [await debianProgram('pgbouncer'), await freePort(), new URL(databaseUrl)];
  const folder = folderFor(dataDir, `pgbouncer-${mode}-${port}`);
  const [settings, users] = [join(folder, 'pgbouncer.ini'), join(folder, 'users.txt')];
  writeFileSync(users, `"${target.username}" "${decodeURIComponent(target.password)}"\n`);
  const lines = [
    '[databases]',
    `* = host=${target.hostname} port=${target.port}`,
    '[pgbouncer]',
    'listen_addr = ::1',
    `listen_port = ${port}`,
    'unix_socket_dir =',
    'auth_type = scram-sha-256',
    `auth_file = ${users}`,
    `pool_mode = ${mode}`,
  ];
  writeFileSync(settings, `${lines.join('\n')}\n`);
  const account = postgresAccount([settings]); // it does not run as root either
  const { uid, gid } = account;
  if (uid !== undefined && gid !== undefined)
    for (const path of [folder, settings, users]) chownSync(path, uid, gid);
  const url = moved(databaseUrl, port);
  const process = await start(dataDir, {
    name: `pgbouncer-${mode}`,
    port,
    command: [...account.prefix, command, settings],
    stopSignal: 'SIGINT',
    isReady: () => acceptsQueries(url),
    account: { uid, gid },
  });
  return { process, url };
}

/** HAProxy, which takes TLS with this certificate (for `::1`) and speaks plainly to the broker at `amqpUrl`. */
export async function tlsProxy(
  dataDir: string,
  amqpUrl: string,
  certificates: Certificates,
): Promise<Middleman> {
  const [command, port, target] = [await debianProgram('haproxy'), await freePort(), new URL(amqpUrl)];
  const folder = folderFor(dataDir, `haproxy-${port}`);
  const [settings, pem] = [join(folder, 'haproxy.cfg'), join(folder, 'server.pem')];
  writeFileSync(pem, readFileSync(certificates.cert, 'utf8') + readFileSync(certificates.key, 'utf8'));
  const lines = [
    'defaults',
    '  mode tcp',
    // As in Debian's haproxy.cfg.
    '  timeout connect 5000',
    '  timeout client 50000',
    '  timeout server 50000',
    'listen broker',
    `  bind [::1]:${port} ssl crt ${pem}`,
    `  server broker ${target.hostname}:${target.port}`,
  ];
  writeFileSync(settings, `${lines.join('\n')}\n`);
  const process = await start(dataDir, {
    name: 'haproxy',
    port,
    command: [command, '-db', '-f', settings],
    stopSignal: 'SIGTERM',
    isReady: () => listens(port),
  });
  return { process, url: moved(amqpUrl, port).replace('amqp:', 'amqps:') };
}

interface Program extends Pick<ManagedProcess, 'name' | 'port' | 'stopSignal' | 'isReady'> {
  command: string[];
  account?: { uid?: number | undefined; gid?: number | undefined };
}

function start(
  dataDir: string,
  { command: [command = '', ...args], account, ...spec }: Program,
): Promise<ProcessHandle> {
  const logFile = join(dataDir, 'logs', `${spec.name}.log`);
  return ProcessHandle.start({
    ...spec,
    logFile,
    stopRank: 1,
    stopTimeoutMs: 10_000,
    startTimeoutMs: 60_000,
    launch: () =>
      startChild({ command, args, cwd: dataDir, env: childEnvironment(dataDir, {}), logFile, ...account }),
  });
}

function folderFor(dataDir: string, name: string): string {
  const folder = join(dataDir, name);
  mkdirSync(folder);
  return folder;
}

function moved(url: string, port: number): string {
  const changed = new URL(url);
  [changed.hostname, changed.port] = ['[::1]', String(port)];
  return changed.href;
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '::1', () => resolve(true));
    socket.on('error', () => resolve(false));
    socket.on('connect', () => socket.destroy());
  });
}
