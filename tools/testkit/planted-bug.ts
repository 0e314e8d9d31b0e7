import { cpSync, mkdtempSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { REPOSITORY } from '../stack/environment.ts';

/** A bug as an edit of the source. */
export interface PlantedBug {
  /** Path below the root of the work tree. */
  file: string;
  /** Occurs there exactly once. */
  find: string;
  replace: string;
}

/**
 * A copy of the work tree with bugs in it, in a new folder of `parent`.
 *
 * @returns its root
 * @throws Error when the place where a bug goes is not what it was: the edit must be brought up to date
 */
export function plant(bugs: readonly PlantedBug[], parent: string): string {
  const root = mkdtempSync(join(parent, 'planted-'));
  for (const part of ['libs', 'services', 'tools', 'examples', 'package.json', 'tsconfig.json'])
    cpSync(join(REPOSITORY, part), join(root, part), { recursive: true });
  symlinkSync(join(REPOSITORY, 'node_modules'), join(root, 'node_modules'));
  for (const { file, find, replace } of bugs) {
    const path = join(root, file);
    const parts = readFileSync(path, 'utf8').split(find);
    if (parts.length !== 2) throw new Error(`${file} has ${parts.length - 1} times: ${find}`);
    writeFileSync(path, parts.join(replace));
  }
  return root;
}
