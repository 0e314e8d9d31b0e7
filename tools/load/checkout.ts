import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { REPOSITORY } from '../stack/environment.ts';

/**
 * Puts the files of a commit into a folder, with the installed packages of this checkout.
 *
 * @returns the folder
 * @throws Error when git does not know the commit
 */
export function checkOut(ref: string, folder: string): string {
  mkdirSync(folder, { recursive: true });
  const archive = join(folder, 'commit.tar');
  const run = (command: string, ...args: string[]) =>
    execFileSync(command, args, { cwd: REPOSITORY, stdio: ['ignore', 'ignore', 'pipe'] });
  run('git', 'archive', '--output', archive, ref);
  run('tar', '-xf', archive, '-C', folder);
  symlinkSync(join(REPOSITORY, 'node_modules'), join(folder, 'node_modules'));
  return folder;
}
