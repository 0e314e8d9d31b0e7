import { readdirSync, readFileSync } from 'node:fs';

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
  // The name, in brackets, may hold anything. proc(5): behind it come state, ppid, …; utime is the 12th, cstime the 15th.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
  return { parent: Number(fields[1]), cpuMs: ticks * TICK_MS };
}

/** All processes by their id. */
export function processUsage(): Map<number, Usage> {
  const found = new Map<number, Usage>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      found.set(Number(name), parseStat(readFileSync(`/proc/${name}/stat`, 'latin1')));
    } catch {
      // It ended meanwhile; its time is its parent's now.
    }
  }
  return found;
}

/** A process and all below it. */
export function treeOf(root: number, processes: ReadonlyMap<number, Usage>): number[] {
  const tree = [root];
  for (const parent of tree)
    for (const [pid, usage] of processes) if (usage.parent === parent) tree.push(pid);
  return tree;
}

/** Memory of a process, bytes; what it shares with others counts in part (PSS). One that has ended has none. */
export function memoryOf(pid: number): number {
  try {
    return parsePss(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'));
  } catch (error) {
    const gone = ['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '');
    if (gone) return 0;
    throw error;
  }
}

/** @param rollup a file /proc/PID/smaps_rollup; it is empty when the process is ending */
export function parsePss(rollup: string): number {
  const [, kilobytes = 0] = /^Pss:\s+(\d+) kB$/m.exec(rollup) ?? [];
  return Number(kilobytes) * 1024;
}
