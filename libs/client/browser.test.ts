import { readFileSync } from 'node:fs';
import { dirname, relative, resolve } from 'node:path';
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
