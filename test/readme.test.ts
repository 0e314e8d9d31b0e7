import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { REPOSITORY } from '../tools/stack/environment.ts';
import { type Stack, startStack } from './harness/stack.ts';

/** The examples of the README and of PROTOCOL.md work as they stand; only the ports are other ones. */

const PORT_OF_README = '127.0.0.1:8080';
const text = (path: string) => readFileSync(join(REPOSITORY, path), 'utf8');
const readme = text('README.md');

let stack: Stack;

beforeAll(async () => {
  stack = await startStack();
});
afterAll(() => stack.stop());

test('README.md: the shop writes to bob, who finds it in his mailbox', async () => {
  const blocks = Array.from(readme.matchAll(/```sh\n(.*?)```/gs), ([, commands = '']) => commands);
  const commands = blocks.filter((block) => block.includes('curl '));
  expect(commands).toHaveLength(1);
  const script = commands.join('').replaceAll(PORT_OF_README, new URL(stack.gateways[0]?.http ?? '').host);
  const { stdout } = await promisify(execFile)('bash', ['-euo', 'pipefail', '-c', script], {
    cwd: REPOSITORY,
    env: { ...process.env, AUTH_SECRET: stack.secret },
  });
  const [accepted, page] = stdout.split(/(?<=\})(?=\{)/).map((part): unknown => JSON.parse(part));
  expect(accepted).toEqual({ id: 'order-17', at: expect.any(Number) as number });
  const message = { from: 'shop', id: 'order-17', body: 'your parcel is on its way' };
  expect(page).toMatchObject({ messages: [message], receipts: [], more: false });
});

/** Runs the only program in this language that a page has, and gives it tokens. @returns the lines that it prints */
async function runExample(page: string, language: 'js' | 'ts'): Promise<string[]> {
  const programs = Array.from(
    text(page).matchAll(new RegExp(`\`\`\`${language}\n(.*?)\`\`\``, 'gs')),
    ([, program = '']) => program,
  );
  expect(programs).toHaveLength(1);
  const hosts = stack.gateways.map(({ http }) => new URL(http).host);
  const program = programs
    .join('')
    .replaceAll('127.0.0.1:8080', hosts[0] ?? '')
    .replaceAll('127.0.0.1:8081', hosts[1] ?? '');
  const type = language === 'ts' ? 'module-typescript' : 'module';
  const env = { ...process.env, ALICE: await stack.token('alice'), BOB: await stack.token('bob-of-hello') };
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [`--input-type=${type}`, '-e', program.replaceAll("'bob'", "'bob-of-hello'")],
    { cwd: REPOSITORY, env },
  );
  return stdout.trimEnd().split('\n');
}

test('README.md: hello.ts', async () => {
  expect(await runExample('README.md', 'ts')).toEqual([
    'alice knows: sent',
    "bob has a message from alice: { text: 'hello' }",
    'alice knows: delivered',
  ]);
});

test('PROTOCOL.md: a whole client shows the six packets', async () => {
  const packets = (await runExample('docs/PROTOCOL.md', 'js')).map(
    (line) => (JSON.parse(line) as { type: string }).type,
  );
  expect(packets.sort()).toEqual(['ack:A', 'ack:N', 'login:A', 'msg:A', 'msg:N']);
});

test('README.md has at most 150 lines', () => {
  expect(readme.split('\n').length - 1).toBeLessThanOrEqual(150);
});
