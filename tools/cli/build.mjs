// Bundles the command line into dist/sixfold.js: our own modules in one file, the packages that package.json names stay
// outside. The client is one of them: here its sources are used, in the package @sixfold/client.
import { chmodSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'rolldown';

const here = import.meta.dirname;
const libs = join(here, '../../libs/client');
const CLIENT = {
  [join(libs, 'index.ts')]: '@sixfold/client',
  [join(libs, 'storage/level.ts')]: '@sixfold/client/level',
};
const file = join(here, 'dist/sixfold.js');

rmSync(join(here, 'dist'), { recursive: true, force: true });
await build({
  input: join(here, 'main.ts'),
  platform: 'node',
  external: /^[^.#/]/,
  plugins: [
    {
      name: 'client',
      async resolveId(source, importer, options) {
        if (!source.includes('libs/client/')) return null;
        const { id } = (await this.resolve(source, importer, { ...options, skipSelf: true })) ?? {};
        return id !== undefined && CLIENT[id] ? { id: CLIENT[id], external: true } : null;
      },
    },
  ],
  output: { file, format: 'esm', codeSplitting: false },
});
chmodSync(file, 0o755);
