import { createHash } from 'node:crypto';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { REPOSITORY } from '../stack/environment.ts';

/** Largest picture, bytes. */
export const MAX_PICTURE_BYTES = 300_000;

const FOLDER = 'docs/pictures';
const RECORD = join(REPOSITORY, FOLDER, 'made-from.json');

const PAGE = ['web/demo/index.html', 'web/demo/src/{ui,style}/**', 'web/shared/style/**'];

/** Pictures of the documentation, and the files that decide how they look. */
export const PICTURES = {
  'page-light.webp': PAGE,
  'page-dark.webp': PAGE,
  'console.webp': ['web/console/index.html', 'web/console/src/{ui,style}/**', 'web/shared/style/**'],
  'terminal.svg': ['tools/cli/chat/{lines,screen}.ts', 'tools/pictures/terminal/*.ts'],
} as const;

export type PictureName = keyof typeof PICTURES;

export const NAMES = Object.keys(PICTURES) as PictureName[];

export const pathOf = (name: PictureName): string => join(REPOSITORY, FOLDER, name);

/** A hash of the files that decide how a picture looks. */
export function sourceHash(name: PictureName): string {
  const files = globSync([...PICTURES[name]], { cwd: REPOSITORY, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.name.includes('.test.'))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
  const hash = createHash('sha256');
  for (const file of files) hash.update(readFileSync(file)).update('\0');
  return hash.digest('hex').slice(0, 16);
}

/** The hashes with which the pictures were made. */
export const recorded = (): Partial<Record<PictureName, string>> =>
  JSON.parse(readFileSync(RECORD, 'utf8')) as Partial<Record<PictureName, string>>;

/** What the record must be now. */
export const recordOf = (names: readonly PictureName[]): { path: string; text: string } => ({
  path: RECORD,
  text: `${JSON.stringify(Object.fromEntries(names.map((name) => [name, sourceHash(name)])), null, 2)}\n`,
});
