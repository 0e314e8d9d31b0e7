import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { installScript, rootShell, runInShell } from './apt.ts';

/** Where packages put the start script itself; a wrapper in PATH may insist on the system's own node. */
const USUAL_FOLDERS = [
  '/usr/lib/rabbitmq/bin',
  '/opt/rabbitmq/sbin',
  '/opt/homebrew/opt/rabbitmq/sbin',
  '/usr/local/opt/rabbitmq/sbin',
];

/** Path of the `rabbitmq-server` start script, or undefined when it is not installed. */
export function locateRabbitMqServer(): string | undefined {
  const folders = [...USUAL_FOLDERS, ...(process.env['PATH'] ?? '').split(delimiter)];
  return folders.map((folder) => join(folder, 'rabbitmq-server')).find(isExecutable);
}

/** Like {@link locateRabbitMqServer}. @throws Error when it is not installed. */
export function findRabbitMqServer(): string {
  const path = locateRabbitMqServer();
  if (path === undefined) throw new Error('rabbitmq-server is not installed any more');
  return path;
}

/**
 * Makes sure that RabbitMQ is installed, with apt if we may (about 15 s).
 * @throws Error that lists the choices when it is not there and cannot be installed.
 */
export async function ensureRabbitMq(): Promise<void> {
  if (locateRabbitMqServer() !== undefined) return;
  const shell = rootShell();
  if (!shell)
    throw new Error(choices('and it cannot be installed from here (no apt-get, or no root rights)'));
  try {
    await runInShell(shell, installScript('rabbitmq-server'));
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new Error(choices(`and apt-get could not install it:\n${why}\n`), { cause });
  }
  if (locateRabbitMqServer() === undefined) throw new Error(choices('also after apt-get installed it'));
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function choices(why: string): string {
  return `rabbitmq-server was not found, ${why}${why.endsWith('\n') ? '' : '. '}Either
  - install RabbitMQ 3.10 or newer (Debian, Ubuntu: sudo apt-get install rabbitmq-server; macOS: brew install rabbitmq), or
  - set AMQP_URL to a broker that runs already, for example AMQP_URL=amqp://guest:guest@127.0.0.1:5672`;
}
