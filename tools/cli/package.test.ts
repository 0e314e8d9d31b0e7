import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { packCli, packClient, type Packed } from '../package/pack.ts';
import { REPOSITORY } from '../stack/environment.ts';
import { EXIT } from './exit.ts';

/** What is in the tarball of @sixfold/cli, and that it runs without this repository. */

const folder = mkdtempSync(join(tmpdir(), 'sixfold-cli-'));
let packed: Packed;

interface Manifest {
  version: string;
  license: string;
  dependencies: Record<string, string>;
  optionalDependencies?: Record<string, string>;
  devDependencies?: Record<string, string>;
}

const read = (path: string) => JSON.parse(readFileSync(join(REPOSITORY, path), 'utf8')) as Manifest;
const own = read('tools/cli/package.json');
const needed = { ...own.dependencies, ...own.optionalDependencies };

beforeAll(async () => {
  packed = await packCli(join(folder, 'cli'));
});

const execute = promisify(execFile);

async function unpack({ tarball }: Packed, to: string): Promise<void> {
  mkdirSync(to, { recursive: true });
  await execute('tar', ['-xzf', tarball, '--strip-components=1', '-C', to]);
}

afterAll(() => rmSync(folder, { recursive: true }));

test('it holds the program and three texts, and nothing else', () => {
  expect([...packed.files].sort()).toEqual(['LICENSE', 'README.md', 'dist/sixfold.js', 'package.json']);
  const { size, mode } = statSync(join(packed.source, 'dist/sixfold.js'));
  expect(size).toBeLessThan(300_000);
  expect(mode & 0o111).toBe(0o111);
});

test('it imports the packages that it names, all of them, and no others', () => {
  const text = readFileSync(join(packed.source, 'dist/sixfold.js'), 'utf8');
  const imported = Array.from(
    text.matchAll(/(?:^import .*from |import\()"((?!node:)[^"]+)"/gm),
    ([, name = '']) =>
      name
        .split('/')
        .slice(0, name.startsWith('@') ? 2 : 1)
        .join('/'),
  );
  // The client asks for classic-level, as a peer.
  expect([...new Set([...imported, 'classic-level'])].sort()).toEqual(Object.keys(needed).sort());
});

test('its versions are those of the repository', () => {
  const root = read('package.json');
  expect([own.version, own.license]).toEqual([root.version, root.license]);
  const all = { ...root.devDependencies, ...root.dependencies, '@sixfold/client': `^${root.version}` };
  for (const [name, version] of Object.entries(needed))
    if (name in all) expect([name, version]).toEqual([name, all[name as keyof typeof all]]);
});

test('it runs from a folder that has nothing of this repository but its packages', async () => {
  const client = await packClient(join(folder, 'client'));
  const modules = join(folder, 'home/node_modules');
  for (const name of Object.keys(needed).filter((one) => one !== '@sixfold/client')) {
    mkdirSync(dirname(join(modules, name)), { recursive: true });
    symlinkSync(join(REPOSITORY, 'node_modules', name), join(modules, name));
  }
  await unpack(client, join(modules, '@sixfold/client'));
  await unpack(packed, join(modules, '@sixfold/cli'));
  const env = { ...process.env, AUTH_SECRET: 'a secret of at least thirty-two bytes' };
  const sixfold = (...more: string[]) =>
    execute(process.execPath, [join(modules, '@sixfold/cli/dist/sixfold.js'), ...more], { cwd: folder, env });
  expect((await sixfold('token', 'alice')).stdout).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+\n$/);
  const nowhere = [
    '--as',
    'alice',
    '--to',
    'bob',
    'hello',
    '--url',
    'ws://127.0.0.1:1',
    '--connect-timeout',
    '0.2',
  ];
  const storage = ['--storage', join(folder, 'storage')];
  await expect(sixfold('send', ...nowhere, ...storage)).rejects.toMatchObject({ code: EXIT.unreachable });
});
