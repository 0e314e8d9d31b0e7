import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { REPOSITORY } from '../stack/environment.ts';
import { undocumented } from './documented.ts';
import { packClient, type Packed } from './pack.ts';

/** What is in the tarball of @sixfold/client. */

const folder = mkdtempSync(join(tmpdir(), 'sixfold-pack-'));
let packed: Packed;

beforeAll(async () => {
  packed = await packClient(folder);
});

afterAll(() => rmSync(folder, { recursive: true }));

const read = (path: string) => readFileSync(join(REPOSITORY, path), 'utf8');

interface Manifest {
  version: string;
  license: string;
  exports: Record<string, Record<string, string>>;
}

test('it holds the modules, their types and three texts, and nothing of the tests', () => {
  const [modules, others] = [packed.files.filter((path) => path.startsWith('dist/')), packed.files];
  expect(others.filter((path) => !modules.includes(path)).sort()).toEqual([
    'LICENSE',
    'README.md',
    'package.json',
  ]);
  const names = new Set(modules.map((path) => path.replace(/\.(?:js|d\.ts)$/, '')));
  for (const name of names) {
    expect(modules, name).toContain(`${name}.js`);
    expect(modules, name).toContain(`${name}.d.ts`);
    expect(name).not.toMatch(/test|contract|fake/);
  }
  expect([...names].filter((name) => !name.startsWith('dist/client/'))).toEqual(['dist/protocol/packets']);
});

test('everything that it exports is in it', () => {
  const { exports } = JSON.parse(read('libs/client/package.json')) as Manifest;
  expect(Object.keys(exports)).toEqual(['.', './indexeddb', './level', './server', './tabs']);
  for (const path of Object.values(exports).flatMap((conditions) => Object.values(conditions)))
    expect(packed.files).toContain(path.replace('./', ''));
});

test('it needs no package but classic-level for `./level`, idb for `./indexeddb` and standardwebhooks for `./server`', () => {
  const foreign = packed.files.flatMap((path) => {
    const text = path.startsWith('dist/') ? readFileSync(join(packed.source, path), 'utf8') : '';
    return Array.from(text.matchAll(/(?:from |import\()'([^.'][^']*)'/g), (match) => [path, match[1]]);
  });
  const level = 'dist/client/storage/level';
  const indexeddb = ['apply.d.ts', 'database.d.ts', 'database.js'];
  expect(foreign.sort()).toEqual([
    ...indexeddb.map((name) => [`dist/client/indexeddb/${name}`, 'idb']),
    ['dist/client/server/webhook.js', 'standardwebhooks'],
    [`${level}-store.d.ts`, 'classic-level'],
    [`${level}.js`, 'classic-level'],
  ]);
});

test('its version and licence are those of the repository', () => {
  const [root, own] = ['package.json', 'libs/client/package.json'].map(
    (path) => JSON.parse(read(path)) as Manifest,
  );
  expect([own?.version, own?.license]).toEqual([root?.version, root?.license]);
  expect(read('libs/client/LICENSE')).toBe(read('LICENSE'));
});

test('everything that it exports has a doc comment', () => {
  for (const path of [
    'index.d.ts',
    'indexeddb/indexeddb.d.ts',
    'storage/level.d.ts',
    'server/server.d.ts',
    'tabs/tabs.d.ts',
  ])
    expect(undocumented(join(packed.source, 'dist/client', path))).toEqual([]);
});

test('package-lock.json names no registry', () => {
  const { packages } = JSON.parse(read('package-lock.json')) as {
    packages: Record<string, { resolved?: string }>;
  };
  const resolved = Object.entries(packages).flatMap(([path, entry]) => (entry.resolved ? [path] : []));
  expect(resolved).toEqual(['node_modules/@sixfold/cli', 'node_modules/@sixfold/client']);
});
