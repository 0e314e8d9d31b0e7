import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Stack, startStack } from './harness/stack.ts';

/** `npm run tour` tells its story to the end; it checks by itself what it shows. */

let stack: Stack;
let data: string;

beforeAll(async () => {
  stack = await startStack({ env: { RECEIPT_SECRET: 'the secret of the receipts of the tour' } });
  data = mkdtempSync(join(tmpdir(), 'sixfold-tour-'));
  const gateways = stack.gateways.map(({ url }) => url);
  writeFileSync(join(data, 'stack.json'), JSON.stringify({ gateways, processes: [] }));
  writeFileSync(join(data, 'secret'), stack.secret);
});

afterAll(async () => {
  rmSync(data, { recursive: true });
  await stack.stop();
});

test('the tour shows a group message in three states, and a second device', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, ['tools/tour.ts', '--data', data]);
  expect(stdout).toContain('bob, carol and dave: delivered, read, stored');
  expect(stdout).toContain('the laptop has what the phone sent (own: true)');
  expect(stdout).toContain('both devices have it');
  expect(stdout).toContain('Nothing was lost');
});
