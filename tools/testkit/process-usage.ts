import { readdirSync, readFileSync } from 'node:fs';
import { statFields } from '../bootstrap/process.mjs';
import { allPids, orNothing } from '../stack/processes.ts';

/** What processes use, from /proc (Linux). */

/** Length of a tick, milliseconds (sysconf(_SC_CLK_TCK) is 100 everywhere). */
const TICK_MS = 10;

/** CPU time of a process so far, milliseconds, and whose child it is. */
export interface Usage {
  parent: number;
  /** User and system time, that of its children that have ended included. */
  cpuMs: number;
}

/** @param stat a file /proc/PID/stat */
export function parseStat(stat: string): Usage {
  // proc(5), behind the name: state, ppid, …; utime is the 12th, cstime the 15th.
  const fields = statFields(stat);
  const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
  return { parent: Number(fields[1]), cpuMs: ticks * TICK_MS };
}

/** All processes by their id. The time of one that ended meanwhile is its parent's now. */
export function processUsage(): Map<number, Usage> {
  const read = (pid: number) => orNothing(() => parseStat(readFileSync(`/proc/${pid}/stat`, 'latin1')));
  return new Map(
    allPids().flatMap((pid) => {
      const usage = read(pid);
      return usage ? [[pid, usage] as const] : [];
    }),
  );
}

/** A process and all below it. */
export function treeOf(root: number, processes: ReadonlyMap<number, Usage>): number[] {
  const tree = [root];
  for (const parent of tree)
    for (const [pid, usage] of processes) if (usage.parent === parent) tree.push(pid);
  return tree;
}

/** Memory of a process, bytes; what it shares with others counts in part (PSS). One that has ended has none. */
export const memoryOf = (pid: number): number =>
  parsePss(orNothing(() => readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8')) ?? '');

/** Voluntary context switches of a process so far: how often one of its threads went to sleep. */
export function switchesOf(pid: number): number {
  const threads = orNothing(() => readdirSync(`/proc/${pid}/task`)) ?? [];
  const read = (thread: string) =>
    parseSwitches(orNothing(() => readFileSync(`/proc/${pid}/task/${thread}/status`, 'latin1')) ?? '');
  return threads.reduce((sum, thread) => sum + read(thread), 0);
}

/** @param status a file /proc/PID/task/TID/status; it is empty when the thread has ended */
export const parseSwitches = (status: string): number =>
  Number(/^voluntary_ctxt_switches:\s+(\d+)$/m.exec(status)?.[1] ?? 0);

/** @param rollup a file /proc/PID/smaps_rollup; it is empty when the process is ending */
export function parsePss(rollup: string): number {
  const [, kilobytes = 0] = /^Pss:\s+(\d+) kB$/m.exec(rollup) ?? [];
  return Number(kilobytes) * 1024;
}
