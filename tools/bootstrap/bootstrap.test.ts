import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';

/** A folder that is there for one test only. */
function temporary(): string {
  const folder = mkdtempSync(join(tmpdir(), 'sixfold-bootstrap-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return folder;
}

/** Runs plain JavaScript in the folder of the bootstrap, as the host's own Node does; waiting forever counts as failing. */
function run(script: string): string {
  const [module, folder] = [pathToFileURL(join(import.meta.dirname, 'x')).href, import.meta.dirname];
  const source = script.replaceAll('./', module.slice(0, -1));
  const { stdout, stderr, status } = spawnSync(process.execPath, ['--input-type=module', '-e', source], {
    cwd: folder,
    encoding: 'utf8',
    timeout: 60_000,
  });
  expect(status, stderr).toBe(0);
  return stdout.trim();
}

const withLock = (path: string) =>
  run(`import { withLock } from './lock.mjs';
    await withLock(${JSON.stringify(path)}, async () => console.log('done'));`);

test.for<[string, (lock: string) => void]>([
  ['a folder in its place, as earlier versions made', (lock) => mkdirSync(lock)],
  ['an empty note of its holder', (lock) => note(lock, '')],
  ['half a note of its holder', (lock) => note(lock, '{"pid":1')],
  ['a holder that is gone', (lock) => note(lock, '{"pid":999999999,"started":"1"}')],
  [
    'a pid that belongs to another process now',
    (lock) => note(lock, JSON.stringify({ pid: process.pid, started: '1' })),
  ],
])('a lock of an install with %s is taken over', ([, damage]) => {
  const lock = join(temporary(), 'install.lock');
  damage(lock);
  expect(withLock(lock)).toBe('done');
  expect(readdirSync(join(lock, '..'))).toEqual([]);
});

function note(lock: string, text: string): void {
  writeFileSync(lock, text);
}

test('a lock that is held is waited for', () => {
  const lock = join(temporary(), 'install.lock');
  const said = run(`import { mock } from 'node:test';
    import { withLock } from './lock.mjs';
    mock.timers.enable({ apis: ['setTimeout'] });
    const tryAgain = () => {
      mock.timers.tick(1000);
      return new Promise(setImmediate);
    };
    const path = ${JSON.stringify(lock)};
    let second;
    await withLock(path, async () => {
      second = withLock(path, async () => console.log('second'));
      for (let tries = 0; tries < 3; tries++) await tryAgain();
      console.log('first');
    });
    await tryAgain();
    await second;`);
  expect(said.split('\n')).toEqual(['first', 'second']);
  expect(existsSync(lock)).toBe(false);
});

test('a workspace that npm has not linked is no reason to install again', () => {
  const root = temporary();
  const dependency = { 'node_modules/some': { version: '1.0.0' } };
  const workspace = {
    'libs/own': { name: '@our/own', version: '1.0.0' },
    'node_modules/@our/own': { resolved: 'libs/own', link: true },
  };
  mkdirSync(join(root, 'node_modules'));
  const write = (path: string, packages: object) =>
    writeFileSync(join(root, path), JSON.stringify({ packages: { '': {}, ...packages } }));
  write('package-lock.json', { ...dependency, ...workspace });
  write('node_modules/.package-lock.json', dependency);
  placeNode(root);
  // Where it would install, this fails: there is no package.json.
  const install = `import { ensureInstalled } from './install.mjs';
    await ensureInstalled(${JSON.stringify(root)});
    console.log('installed');`;
  expect(run(install)).toBe('installed');
});

function placeNode(root: string): void {
  const program = process.platform === 'win32' ? 'node.exe' : 'node';
  mkdirSync(join(root, 'node_modules/node/bin'), { recursive: true });
  writeFileSync(join(root, 'node_modules/node/bin', program), 'a program', { mode: 0o755 });
}
