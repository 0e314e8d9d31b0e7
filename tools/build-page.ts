import { join } from 'node:path';
import { build } from 'vite';

/** Builds the demo page into web/demo/dist, where gateways find it. */

const root = join(import.meta.dirname, '../web/demo');
const client = join(import.meta.dirname, '../libs/client');

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
    target: 'es2024',
    // An inlined file would be a data: address, which the content security policy does not allow.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
});
