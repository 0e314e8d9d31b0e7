import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'vite';

/** Builds the demo page into web/demo/dist, where gateways find it. */

const root = join(import.meta.dirname, '../web/demo');
const client = join(import.meta.dirname, '../libs/client');
const dist = join(root, 'dist');
/** Two stacks may build at a time, and a gateway may read: the folder is there as a whole, or not at all. */
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
