import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { REPOSITORY } from '../tools/stack/environment.ts';
import { type Stack, startStack } from './harness/stack.ts';

/** The commands of the README for back ends work as they stand; only the port is another one. */

const PORT_OF_README = '127.0.0.1:8080';
const readme = readFileSync(join(REPOSITORY, 'README.md'), 'utf8');

let stack: Stack;

beforeAll(async () => {
  stack = await startStack({ gateways: 1 });
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
  const [accepted, page] = stdout.split(/(?<=\})(?=\{)/).map((text): unknown => JSON.parse(text));
  expect(accepted).toEqual({ id: 'order-17', at: expect.any(Number) as number });
  const message = { from: 'shop', id: 'order-17', body: 'your parcel is on its way' };
  expect(page).toMatchObject({ messages: [message], receipts: [], more: false });
});
