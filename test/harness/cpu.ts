import { readFileSync } from 'node:fs';

/** Length of a tick in /proc, milliseconds (Linux: sysconf(_SC_CLK_TCK) is 100 everywhere). */
const TICK_MS = 10;

/** CPU time that a process has used so far, milliseconds. */
export function cpuMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The name, in brackets, may hold blanks. (proc(5): utime and stime are the 12th and 13th field behind it.)
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}

/** Memory that a process holds, bytes. */
export function residentBytes(pid: number): number {
  const [, kilobytes] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kilobytes) * 1024;
}

/** Watches what processes use; call it for the share of a core of each since then. */
export function watchCpu(pids: readonly number[]): () => number[] {
  const [since, before] = [performance.now(), pids.map(cpuMs)];
  return () => pids.map((pid, n) => (cpuMs(pid) - (before[n] ?? 0)) / (performance.now() - since));
}
