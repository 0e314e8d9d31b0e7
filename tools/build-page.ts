import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'vite';

/** Builds pages into web/PAGE/dist, where the services find them: those that are named, else all. */

const PAGES = ['demo', 'console'];
const client = join(import.meta.dirname, '../libs/client');

const named = process.argv.slice(2);
for (const page of named.length > 0 ? named : PAGES)
  await buildPage(join(import.meta.dirname, '../web', page));

async function buildPage(root: string): Promise<void> {
  const dist = join(root, 'dist');
  /** Two stacks may build at a time, and a service may read: the folder is there as a whole, or not at all. */
  const fresh = `${dist}-${process.pid}`;
  await build({
    ...{ root, configFile: false, logLevel: 'warn' },
    // The client as its users import it.
    resolve: {
      alias: {
        '@sixfold/client/indexeddb': join(client, 'indexeddb/indexeddb.ts'),
        '@sixfold/client': join(client, 'index.ts'),
      },
    },
    build: {
      outDir: fresh,
      target: 'es2024',
      // An inlined file would be a data: address, which the content security policy does not allow.
      assetsInlineLimit: 0,
      modulePreload: { polyfill: false },
    },
  });
  try {
    await rm(dist, { recursive: true, force: true });
    await rename(fresh, dist);
  } catch (error) {
    await rm(fresh, { recursive: true, force: true });
    // Another build was faster, with the same result.
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOTEMPTY')) throw error;
  }
}
