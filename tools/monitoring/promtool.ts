import { execFile, spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { rootShell, runInShell } from '../stack/install.ts';
import { REPOSITORY } from '../stack/environment.ts';

/** Removed with node_modules, like everything that is installed for this folder. */
const KEPT_AT = join(REPOSITORY, 'node_modules/.cache/promtool');

/**
 * Takes the one program out of Debian's package of Prometheus (19 MB), without installing it: no service, no user. The
 * move at the end is atomic, so that two runs at a time do no harm.
 */
const FETCH = `
set -e
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
download() { apt-get download -q -o APT::Sandbox::User=root prometheus; }
download || { apt-get update -q && download; }
mkdir -p '${join(KEPT_AT, '..')}'
dpkg-deb --fsys-tarfile prometheus_*.deb | tar -xO ./usr/bin/promtool > '${KEPT_AT}'.$$
chmod 755 '${KEPT_AT}'.$$
mv '${KEPT_AT}'.$$ '${KEPT_AT}'
`;

/**
 * Path of `promtool`, which checks and tests rules: the one that is installed, or the one that we fetch (about 5 s, once).
 * @throws Error that says what to do when it is not there and cannot be had.
 */
export async function promtool(): Promise<string> {
  if (spawnSync('promtool', ['--version'], { stdio: 'ignore' }).status === 0) return 'promtool';
  try {
    accessSync(KEPT_AT, constants.X_OK);
    return KEPT_AT;
  } catch {
    const shell = rootShell();
    if (!shell)
      throw new Error('promtool was not found, and cannot be fetched from here: install Prometheus');
    await runInShell(shell, FETCH);
    return KEPT_AT;
  }
}

/** Runs it in the repository; what it says. @throws Error with what it said, when a check or a test fails */
export async function runPromtool(...args: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(await promtool(), args, { cwd: REPOSITORY });
  return stdout;
}
