import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';

/** Fields of a file /proc/PID/stat from the third on (state, parent, …): the name before them may hold anything. */
export const statFields = (stat) => stat.slice(stat.lastIndexOf(')') + 2).split(' ');

/** Those of a process; undefined when it has ended, or where there is no /proc. */
export function statOf(pid) {
  try {
    return statFields(readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch {
    return undefined;
  }
}

/** When a process started, as an opaque text; undefined when it has ended (also if nobody has collected it yet). */
export function startedAt(pid) {
  if (!existsSync('/proc/self/stat')) return ps('-o', 'lstart=', '-p', String(pid)).trim() || undefined;
  const stat = statOf(pid);
  return stat?.[0] === 'Z' ? undefined : stat?.[19];
}

/** What the program ps says. */
export const ps = (...args) => spawnSync('ps', args, { encoding: 'utf8' }).stdout ?? '';
