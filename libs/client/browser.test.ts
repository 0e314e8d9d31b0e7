import { readFileSync } from 'node:fs';
import { dirname, relative, resolve } from 'node:path';
import { gzipSync } from 'node:zlib';
import { rolldown } from 'rolldown';
import { expect, test } from 'vitest';

/** What a module imports when it runs; types are gone by then. */
function runtimeImports(path: string): string[] {
  const statements = readFileSync(path, 'utf8').matchAll(
    /^(?:import|export)\s(?!type\s)[^;]*?from '([^']+)'/gm,
  );
  return Array.from(statements, (statement) => statement[1] ?? '');
}

test('index.ts and all it loads run in a browser: nothing of Node, no packages, no schemas', () => {
  const loaded = new Set([resolve(import.meta.dirname, 'index.ts')]);
  for (const path of loaded) {
    for (const specifier of runtimeImports(path)) {
      expect(specifier, relative(import.meta.dirname, path)).toMatch(/^\.\.?\//);
      loaded.add(resolve(dirname(path), specifier));
    }
  }
  const names = [...loaded].map((path) => relative(import.meta.dirname, path));
  expect(names).toContain('outgoing/sender.ts');
  expect(names).not.toContain('storage/level.ts');
  for (const path of loaded) {
    expect(readFileSync(path, 'utf8'), path).not.toMatch(/\b(?:process\.|Buffer\b|setImmediate|node:)/);
  }
});

/**
 * All of index.ts but its storage in memory, in a bundle, minified and compressed, bytes. It only goes down: code that
 * makes the client larger needs a reason that is worth every page's time to load.
 */
const MAX_BUNDLE_BYTES = 16_920;

/** What `./indexeddb` (with `idb`) and `./tabs` add to it, together, bytes. */
const MAX_BROWSER_BYTES = 6_000;

async function bundled(external: RegExp[]) {
  const bundle = await rolldown({
    input: resolve(import.meta.dirname, 'index.ts'),
    platform: 'browser',
    external,
    onLog: (_, log) => {
      throw new Error(log.message);
    },
  });
  const { output } = await bundle.generate({ format: 'es', minify: true, comments: false });
  await bundle.close();
  expect(output).toHaveLength(1);
  return output[0];
}

test('a bundler makes one small file of it, which imports nothing', async () => {
  const chunk = await bundled([]);
  expect([...chunk.imports, ...chunk.dynamicImports]).toEqual([]);
  expect(chunk.exports).toContain('connect');
  expect(chunk.code).not.toMatch(/node:|\brequire\(|undici/);
  const { code } = await bundled([/storage\/memory\.ts$/]);
  expect(gzipSync(code, { level: 9 }).length).toBeLessThanOrEqual(MAX_BUNDLE_BYTES);
});

test('IndexedDB and tabs add little to it', async () => {
  const page = (...entries: string[]) => entries.map((entry) => `export * from './${entry}';`).join('');
  const [core, all] = await Promise.all([
    compressed(page('index.ts')),
    compressed(page('index.ts', 'indexeddb/indexeddb.ts', 'tabs/tabs.ts')),
  ]);
  expect(all - core).toBeLessThanOrEqual(MAX_BROWSER_BYTES);
});

/** Size of a module of this folder with all it imports, minified and compressed, bytes. */
async function compressed(code: string): Promise<number> {
  const entry = resolve(import.meta.dirname, 'page.ts');
  const bundle = await rolldown({
    input: entry,
    platform: 'browser',
    plugins: [
      {
        name: 'page',
        resolveId: (id) => (id === entry ? id : undefined),
        load: (id) => (id === entry ? code : undefined),
      },
    ],
  });
  const { output } = await bundle.generate({ format: 'es', minify: true, comments: false });
  await bundle.close();
  return gzipSync(output[0].code, { level: 9 }).length;
}
