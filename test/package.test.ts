import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { npm, packClient } from '../tools/package/pack.ts';
import { REPOSITORY } from '../tools/stack/environment.ts';
import { startStack } from './harness/stack.ts';

/** The client as its users have it: the tarball, installed in a folder that has nothing else of this repository. */

const execute = promisify(execFile);

/** What the programs print, and TypeScript when it refuses one, is in the error. */
const COMMAND_TIMEOUT_MS = 120_000;

const COMPILER_OPTIONS = {
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  skipLibCheck: false,
  target: 'ES2022',
  module: 'NodeNext',
};

const CONVERSATION = `
import { type Client, connect, type IncomingMessage, type OutgoingState } from '@sixfold/client';
import { LevelStorage } from '@sixfold/client/level';

const { URL = '', ALICE = '', BOB = '' } = process.env;
const alice: Client = connect({ url: URL, token: ALICE, storage: new LevelStorage('alice.db') });
const bob: Client = connect({ url: URL, token: () => BOB });

const received = new Promise<IncomingMessage>((resolve) => bob.onMessage(resolve));
const session = await bob.connected();
const message = alice.send(session.user, { text: 'hello' }, { seq: 7 });
const state: OutgoingState = await message.reached('delivered');
const { from, body, seq } = await received;
await Promise.all([alice.close(), bob.close()]);
console.log(JSON.stringify({ from, body, seq, state }));
`;

let folder: string;
let home: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sixfold-package-'));
  home = join(folder, 'application');
  await mkdir(home);
  await writeFile(join(home, 'package.json'), JSON.stringify({ private: true, type: 'module' }));
  const { tarball } = await packClient(folder);
  await npm(home, ['install', '--offline', '--no-audit', '--no-fund', tarball]);
});

afterAll(() => rm(folder, { recursive: true }));

/** Compiles the files, strictly and with the checks of all types that they reach. */
async function compile(name: string, files: Record<string, string>, options: object): Promise<void> {
  const [project, out] = [join(home, `${name}.json`), join(home, name)];
  for (const [path, text] of Object.entries(files)) await writeFile(join(home, path), text);
  const compilerOptions = { ...COMPILER_OPTIONS, rootDir: '.', outDir: out, ...options };
  await writeFile(project, JSON.stringify({ compilerOptions, files: Object.keys(files) }));
  const compiler = join(REPOSITORY, 'node_modules/typescript/bin/tsc');
  const child = execute(process.execPath, [compiler, '-p', project], { timeout: COMMAND_TIMEOUT_MS });
  await child.catch((error: unknown) => {
    throw new Error(`tsc: ${(error as { stdout?: string }).stdout ?? ''}`, { cause: error });
  });
}

/** The packages that entries ask for, as they are here: the test needs no registry. */
async function link(...names: string[]): Promise<void> {
  await mkdir(join(home, 'node_modules/@types'), { recursive: true });
  for (const name of names)
    await symlink(join(REPOSITORY, 'node_modules', name), join(home, 'node_modules', name));
}

test('its types and the examples of its README and of docs/CLIENT.md are right, in a browser and on Node, and it delivers messages', async () => {
  const pages = [join(home, 'node_modules/@sixfold/client/README.md'), join(REPOSITORY, 'docs/CLIENT.md')];
  const texts = await Promise.all(pages.map((path) => readFile(path, 'utf8')));
  const examples = Array.from(texts.join('\n').matchAll(/```ts\n(.*?)```/gs), ([, code = '']) => code);
  const named = examples.map((code, n) => [`example${n}.ts`, code] as const);
  const isForNode = ([, code]: readonly [string, string]) => /@sixfold\/client\/(?:level|server)/.test(code);
  const inBrowser = Object.fromEntries(named.filter((example) => !isForNode(example)));
  expect(Object.keys(inBrowser).length).toBeGreaterThan(2);
  await link('idb');
  await compile('browser', inBrowser, { types: [], lib: ['ES2022', 'DOM'] });

  await link('classic-level', 'standardwebhooks', '@types/node');
  const onNode = { ...Object.fromEntries(named.filter(isForNode)), 'conversation.ts': CONVERSATION };
  await compile('node', onNode, { types: ['node'], lib: ['ES2022'] });

  await using stack = await startStack({ gateways: 1 });
  const [ALICE, BOB] = await Promise.all([stack.token('alice'), stack.token('bob')]);
  const { stdout } = await execute(process.execPath, [join(home, 'node/conversation.js')], {
    cwd: home,
    env: { ...process.env, URL: stack.gateways[0]?.url, ALICE, BOB },
    timeout: COMMAND_TIMEOUT_MS,
  });
  const expected = { from: 'alice', body: { text: 'hello' }, seq: 7, state: 'delivered' };
  expect(JSON.parse(stdout)).toEqual(expected);
});
