import { execFile, spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';

/** Where packages put programs beside PATH; a wrapper of rabbitmq-server in PATH may insist on the system's own node. */
const FOLDERS: Record<string, string[]> = {
  'rabbitmq-server': [
    '/usr/lib/rabbitmq/bin',
    '/opt/rabbitmq/sbin',
    '/opt/homebrew/opt/rabbitmq/sbin',
    '/usr/local/opt/rabbitmq/sbin',
  ],
};

/** Path of a program, or undefined when it is not installed. */
export function locate(program: string): string | undefined {
  const folders = [...(FOLDERS[program] ?? []), ...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin'];
  return folders.map((folder) => join(folder, program)).find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/**
 * Path of a program of a Debian package (of the same name, if not told), which is installed if it is missing.
 * @throws Error when it cannot be
 */
export async function debianProgram(name: string, inPackage = name): Promise<string> {
  const found = locate(name);
  if (found !== undefined) return found;
  const shell = rootShell();
  if (!shell)
    throw new Error(
      `${name} is missing, and cannot be installed from here: sudo apt-get install ${inPackage}`,
    );
  await runInShell(shell, installScript(inPackage));
  const installed = locate(name);
  if (installed === undefined) throw new Error(`${name} was installed, and cannot be found`);
  return installed;
}

/**
 * Path of the `rabbitmq-server` start script, which is installed with apt if it is missing (about 15 s).
 * @throws Error that lists the choices when it cannot be
 */
export async function ensureRabbitMq(): Promise<string> {
  try {
    return await debianProgram('rabbitmq-server');
  } catch (cause) {
    throw new Error(
      `${cause instanceof Error ? cause.message : String(cause)}
rabbitmq-server was not found. Either
  - install RabbitMQ 3.10 or newer (Debian, Ubuntu: sudo apt-get install rabbitmq-server; macOS: brew install rabbitmq), or
  - set AMQP_URL to a broker that runs already, for example AMQP_URL=amqp://guest:guest@127.0.0.1:5672`,
      { cause },
    );
  }
}

/** Installs a package without starting what it brings: the policy file keeps it from doing so. */
const installScript = (name: string): string => `
set -e
export DEBIAN_FRONTEND=noninteractive
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  trap 'rm -f "$policy"' EXIT
  printf '#!/bin/sh\\nexit 101\\n' > "$policy"
  chmod +x "$policy"
fi
install() { apt-get install -y --no-install-recommends -o DPkg::Lock::Timeout=120 ${name}; }
install || { apt-get update && install; }
`;

/** A shell that may install packages: we are root, or sudo asks nothing. Undefined where there is none, or no apt. */
export function rootShell(): [string, ...string[]] | undefined {
  const succeeds = (...[command, ...args]: [string, ...string[]]) =>
    spawnSync(command, args, { stdio: 'ignore' }).status === 0;
  if (!succeeds('apt-get', '--version')) return undefined;
  if (process.getuid?.() === 0) return ['sh', '-c'];
  return succeeds('sudo', '-n', 'true') ? ['sudo', '-n', 'sh', '-c'] : undefined;
}

/** Runs a script in such a shell. @throws Error with what it said last */
export async function runInShell([command, ...args]: [string, ...string[]], script: string): Promise<void> {
  try {
    await promisify(execFile)(command, [...args, script], { maxBuffer: 64 * 1024 * 1024 });
  } catch (cause) {
    const said = cause instanceof Error && 'stderr' in cause ? String(cause.stderr) : String(cause);
    throw new Error(said.trimEnd().split('\n').slice(-5).join('\n'), { cause });
  }
}
