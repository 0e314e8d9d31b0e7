import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { inBatches } from './batch-scheduling.ts';
import { startChild } from './child.ts';

const SCHED_BATCH = 3;

const dir = mkdtempSync(join(tmpdir(), 'sixfold-batch-'));
const logFile = join(dir, 'log');
afterAll(() => rmSync(dir, { recursive: true }));

const start = (command: string, args: string[]) => startChild({ command, args, env: {}, cwd: dir, logFile });

test('a process that is started takes its turn, and has the pid that is told', async () => {
  // proc(5): the 41st field of stat is the policy; the second one, the name in brackets, has no space here.
  const code = `process.stdout.write(process.pid + ' ' + require('fs').readFileSync('/proc/self/stat', 'utf8').split(' ')[40])`;
  const child = await start(process.execPath, ['-e', code]);
  expect(await child.exited).toEqual({ code: 0, signal: null });
  expect(readFileSync(logFile, 'utf8')).toBe(`${child.pid} ${SCHED_BATCH}`);
});

test('a program that is missing is an exit, and the log says so', async () => {
  const child = await start('no-such-program', []);
  expect(await child.exited).toEqual({ code: 127, signal: null });
  expect(readFileSync(logFile, 'utf8')).toContain('no-such-program');
});

test('the command itself stays as it is', () => {
  expect(inBatches('node', ['main.ts'])[1].slice(-2)).toEqual(['node', 'main.ts']);
});
