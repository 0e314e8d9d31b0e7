import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { rolldown } from 'rolldown';
import { REPOSITORY } from '../../stack/environment.ts';

const COMPILER_TIMEOUT_MS = 120_000;

/** The entries of @sixfold/client that pages use: where they are here, and in its `dist`. */
const ENTRIES: Record<string, { source: string; dist: string }> = {
  '@sixfold/client': { source: '#libs/client/index.ts', dist: 'client/index.js' },
  '@sixfold/client/indexeddb': {
    source: '#libs/client/indexeddb/indexeddb.ts',
    dist: 'client/indexeddb/indexeddb.js',
  },
  '@sixfold/client/tabs': { source: '#libs/client/tabs/tabs.ts', dist: 'client/tabs/tabs.js' },
};

/** What a page's import map says, for a package at `/client/`. */
export const importMap = (): { imports: Record<string, string> } => ({
  imports: {
    ...Object.fromEntries(Object.entries(ENTRIES).map(([name, { dist }]) => [name, `/client/${dist}`])),
    idb: '/idb.js',
    // What `browser` in package.json tells a bundler.
    '/client/client/connection/terminable-socket.js': '/client/client/connection/browser-socket.js',
  },
});

/** The library under IndexedDbStorage: one module. */
export const IDB = join(REPOSITORY, 'node_modules/idb/build/index.js');

/** Compiles the client of a work tree as `npm pack` does. */
export async function compileClient(root: string, folder: string): Promise<void> {
  const compiler = join(REPOSITORY, 'node_modules/typescript/bin/tsc');
  const project = join(root, 'libs/client/tsconfig.build.json');
  const args = [compiler, '-p', project, '--outDir', folder, '--declaration', 'false'];
  await promisify(execFile)(process.execPath, args, { timeout: COMPILER_TIMEOUT_MS });
}

/** A program for pages as one file: with the client in it, or (`bundled: false`) with imports of the package. */
export async function buildPage(
  root: string,
  name: string,
  { bundled }: { bundled: boolean },
): Promise<string> {
  const packageOf = (source: string) =>
    Object.keys(ENTRIES).find((entry) => ENTRIES[entry]?.source === source);
  const bundle = await rolldown({
    input: join(root, 'tools/browsers/page', name),
    cwd: root,
    platform: 'browser',
    plugins: [
      {
        name: 'package',
        resolveId: (source) => {
          // What examples import is the package; what is here imports its sources.
          const own = ENTRIES[source]?.source.replace('#libs/', `${root}/libs/`);
          const id = bundled ? own : packageOf(source);
          return id === undefined ? undefined : { id, external: !bundled };
        },
      },
    ],
  });
  const { output } = await bundle.generate({ format: 'es', minify: bundled });
  await bundle.close();
  return output[0].code;
}
