import { spawn } from 'node:child_process';
import { existsSync, globSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { REPOSITORY } from './environment.ts';

/** The pages below web/. */
type Page = 'demo' | 'console';

/** What a page is made of. */
const sourcesOf = (page: Page) => [
  `web/${page}/{src,public}/**/*`,
  `web/${page}/*.html`,
  'web/shared/**/*',
  'web/tsconfig.json',
  'tools/build-page.ts',
  'libs/client/**/*.ts',
  'package-lock.json',
];

/** Is there a page that is newer than all it is made of? */
function isCurrent(page: Page): boolean {
  const built = join(REPOSITORY, 'web', page, 'dist/index.html');
  if (!existsSync(built)) return false;
  const { mtimeMs } = statSync(built);
  const exclude = (name: string) => name === 'dist' || name === 'node_modules';
  return globSync(sourcesOf(page), { cwd: REPOSITORY, exclude }).every(
    (path) => statSync(join(REPOSITORY, path)).mtimeMs <= mtimeMs,
  );
}

/**
 * Builds a page if it is missing or old: about a second, in a process of its own, while broker and database start.
 *
 * @returns why it failed, if it did; the stack works without the page
 */
export async function buildPage(page: Page = 'demo'): Promise<string | undefined> {
  if (isCurrent(page)) return undefined;
  const args = [join(REPOSITORY, 'tools/build-page.ts'), page];
  return new Promise((resolve) => {
    let output = '';
    const child = spawn(process.execPath, args, { cwd: REPOSITORY, stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.on('error', ({ message }) => resolve(message));
    child.on('close', (code) => resolve(code === 0 ? undefined : output.trim() || 'no output'));
  });
}
