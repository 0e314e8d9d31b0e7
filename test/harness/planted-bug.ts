import { cpSync, mkdtempSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { REPOSITORY } from '../../tools/stack/environment.ts';

/** A bug as an edit of the source. */
export interface PlantedBug {
  /** Path below the root of the work tree. */
  file: string;
  /** Occurs there exactly once. */
  find: string;
  replace: string;
}

/**
 * A copy of the work tree with one bug in it, in a new folder of `parent`.
 *
 * @returns its root
 * @throws Error when the place where the bug goes is not what it was: the edit must be brought up to date
 */
export function plant({ file, find, replace }: PlantedBug, parent: string): string {
  const root = mkdtempSync(join(parent, 'planted-'));
  for (const part of ['libs', 'services', 'tools', 'package.json'])
    cpSync(join(REPOSITORY, part), join(root, part), { recursive: true });
  symlinkSync(join(REPOSITORY, 'node_modules'), join(root, 'node_modules'));
  const path = join(root, file);
  const parts = readFileSync(path, 'utf8').split(find);
  if (parts.length !== 2) throw new Error(`${file} has ${parts.length - 1} times: ${find}`);
  writeFileSync(path, parts.join(replace));
  return root;
}
