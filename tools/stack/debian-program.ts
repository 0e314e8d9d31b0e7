import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { installScript, rootShell, runInShell } from './apt.ts';

/**
 * Path of a program of the Debian package of that name, which is installed if it is missing (a few seconds).
 * @throws Error when it cannot be
 */
export async function debianProgram(name: string): Promise<string> {
  const found = locate(name);
  if (found !== undefined) return found;
  const shell = rootShell();
  if (!shell) throw new Error(`${name} is missing: sudo apt-get install ${name}`);
  await runInShell(shell, installScript(name));
  const installed = locate(name);
  if (installed === undefined) throw new Error(`${name} was installed, and cannot be found`);
  return installed;
}

function locate(name: string): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin'];
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
}
