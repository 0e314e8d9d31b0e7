import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { startChild } from './child.ts';
import { logTail } from './log-file.ts';
import type { ManagedProcess } from './managed-process.ts';
import { isRunning } from './processes.ts';
import { Supervisor } from './supervisor.ts';
import { until } from './until.ts';

const NEVER = new AbortController().signal;
const FOR_EVER = 'setInterval(() => {}, 1000);';

let dir: string;
let lines: string[];
let changes: number;
let supervisor: Supervisor;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'supervisor-test-'));
  lines = [];
  changes = 0;
  supervisor = new Supervisor({ line: (text) => lines.push(text), changed: () => (changes += 1) });
});

afterEach(async () => {
  await supervisor.stop(AbortSignal.abort());
  rmSync(dir, { recursive: true });
});

/** A Node process that runs `script`, ready at once. */
function script(name: string, code: string, more: Partial<ManagedProcess> = {}): ManagedProcess {
  const logFile = join(dir, `${name}.log`);
  return {
    name,
    port: 0,
    logFile,
    stopRank: 0,
    stopSignal: 'SIGTERM',
    stopTimeoutMs: 5_000,
    startTimeoutMs: 5_000,
    launch: () => startChild({ command: process.execPath, args: ['-e', code], env: {}, cwd: dir, logFile }),
    isReady: () => Promise.resolve(true),
    ...more,
  };
}

const pidOf = (name: string) => supervisor.processes.find(({ spec }) => spec.name === name)?.pid ?? 0;

test('what ends is started again, also after an orderly end, and the change of pid is told', async () => {
  await supervisor.start(script('worker', FOR_EVER));
  for (const signal of ['SIGKILL', 'SIGTERM'] as const) {
    const [before, told] = [pidOf('worker'), changes];
    process.kill(before, signal);
    await until(() => pidOf('worker') !== before && changes > told, { what: 'a new pid' });
    expect(isRunning(before)).toBe(false);
    expect(lines).toContain(`worker (pid ${before}) ended: signal ${signal}; starting it again`);
  }
  await until(() => lines.some((line) => line.includes('worker is back')), { what: 'the news' });
});

test('a process that ends before it is ready fails the start, with the end of its log', async () => {
  const broken = script('broken', 'console.error("PORT must be a number"); process.exit(3)', {
    isReady: () => Promise.resolve(false),
  });
  await expect(supervisor.start(broken)).rejects.toThrow(
    /exit code 3 before it was ready[^]*PORT must be a number/,
  );
});

test('stop ends the ranks one after the other, and nothing is started again', async () => {
  const ended: string[] = [];
  const noted = (name: string, stopRank: number) =>
    script(name, FOR_EVER, { stopRank, afterExit: () => Promise.resolve(void ended.push(name)) });
  for (const [name, rank] of [
    ['base', 2],
    ['edge', 0],
    ['middle', 1],
  ] as const) {
    await supervisor.start(noted(name, rank));
  }
  const pids = supervisor.processes.map(({ pid }) => pid);
  await supervisor.stop(NEVER);
  expect(ended).toEqual(['edge', 'middle', 'base']);
  expect(pids.filter(isRunning)).toEqual([]);
});

test('a process that does not end in its time is killed, and so it is at once when forced', async () => {
  const deaf = `process.on('SIGTERM', () => {}); console.log('deaf'); ${FOR_EVER}`;
  await supervisor.start(script('slow', deaf, { stopTimeoutMs: 200, stopRank: 0 }));
  await supervisor.start(script('slower', deaf, { stopTimeoutMs: 60_000, stopRank: 1 }));
  const pids = supervisor.processes.map(({ pid }) => pid);
  const isDeaf = async ({ spec }: { spec: ManagedProcess }) => (await logTail(spec.logFile)) === 'deaf';
  for (const process of supervisor.processes) await until(() => isDeaf(process), { what: 'its handler' });
  const force = new AbortController();
  const stopping = supervisor.stop(force.signal);
  await until(() => lines.includes('slow did not end within 0.2 s and was killed'), {
    what: 'the first kill',
  });
  force.abort();
  await stopping;
  expect(pids.filter(isRunning)).toEqual([]);
});
