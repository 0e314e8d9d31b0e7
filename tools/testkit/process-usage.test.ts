import { expect, test } from 'vitest';
import {
  memoryOf,
  parsePss,
  parseStat,
  parseSwitches,
  processUsage,
  switchesOf,
  treeOf,
} from './process-usage.ts';

test('CPU time is that of a process and of its children that ended, whatever its name holds', () => {
  const stat = '77 (a) b (c) S 42 77 77 0 -1 4194560 9 8 7 6 250 50 30 7 20 0 5 0 123 4 5';
  expect(parseStat(stat)).toEqual({ parent: 42, cpuMs: 3_370 });
});

test('memory is the proportional set size', () => {
  expect(parsePss('00400000-7ffe [rollup]\nRss:  900 kB\nPss:   512 kB\nPss_Anon: 4 kB\n')).toBe(512 * 1024);
});

test('voluntary context switches are those of all threads', async () => {
  expect(parseSwitches('Threads:\t12\nvoluntary_ctxt_switches:\t150\nnonvoluntary_ctxt_switches:\t7\n')).toBe(
    150,
  );
  const before = switchesOf(process.pid);
  await new Promise((resolve) => setTimeout(resolve, 5));
  expect(switchesOf(process.pid)).toBeGreaterThan(before);
});

test('a process that has ended has no memory, and does not switch', () => {
  expect([parseSwitches(''), switchesOf(2 ** 22 + 1)]).toEqual([0, 0]);
  expect(memoryOf(2 ** 22 + 1)).toBe(0); // beyond the largest pid (proc(5): pid_max)
  expect(parsePss('')).toBe(0);
});

test('a tree holds children of children, and no one else', () => {
  const process = (parent: number) => ({ parent, cpuMs: 0 });
  const processes = new Map([1, 1, 10, 12, 2].map((parent, n) => [n + 10, process(parent)] as const));
  expect(treeOf(10, processes)).toEqual([10, 12, 13]);
});

test('this process is found, uses time and has memory', () => {
  expect(processUsage().get(process.pid)).toMatchObject({ parent: process.ppid });
  expect(memoryOf(process.pid)).toBeGreaterThan(1024 * 1024);
});
