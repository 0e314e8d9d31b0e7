import { execFile, spawnSync } from 'node:child_process';
import { promisify } from 'node:util';

/** Installs packages without starting what they bring: the policy file keeps them from doing so. */
export const installScript = (...packages: string[]): string => `
set -e
export DEBIAN_FRONTEND=noninteractive
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  trap 'rm -f "$policy"' EXIT
  printf '#!/bin/sh\\nexit 101\\n' > "$policy"
  chmod +x "$policy"
fi
install() { apt-get install -y --no-install-recommends -o DPkg::Lock::Timeout=120 ${packages.join(' ')}; }
install || { apt-get update && install; }
`;

/** A shell that may install packages: we are root, or sudo asks nothing. Undefined where there is none, or no apt. */
export function rootShell(): [string, ...string[]] | undefined {
  if (!succeeds('apt-get', '--version')) return undefined;
  if (process.getuid?.() === 0) return ['sh', '-c'];
  return succeeds('sudo', '-n', 'true') ? ['sudo', '-n', 'sh', '-c'] : undefined;
}

/** Runs a script in such a shell. @throws Error with what it said last */
export async function runInShell([command, ...args]: [string, ...string[]], script: string): Promise<void> {
  try {
    await promisify(execFile)(command, [...args, script], { maxBuffer: 64 * 1024 * 1024 });
  } catch (cause) {
    throw new Error(lastLines(cause), { cause });
  }
}

/** The end of what a failed command said. */
function lastLines(error: unknown): string {
  const said = error instanceof Error && 'stderr' in error ? String(error.stderr) : String(error);
  return said.trimEnd().split('\n').slice(-5).join('\n');
}

function succeeds(command: string, ...args: string[]): boolean {
  return spawnSync(command, args, { stdio: 'ignore' }).status === 0;
}
