import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { STACK_VARIABLE } from './environment.ts';

const hasProc = existsSync('/proc/self/stat');

/** Unit of times in /proc; 100 on every Linux in use. */
const TICKS_PER_SECOND = 100;

/** Whether a process with this id runs (one that ended and waits to be collected does not count). */
export function isRunning(pid: number): boolean {
  return startedAt(pid) !== undefined;
}

/**
 * When a process started, as an opaque text; undefined when it does not run. Together with the pid it
 * names a process for good, while a pid alone may go to another one.
 */
export function startedAt(pid: number): string | undefined {
  if (!hasProc) return ps(pid, 'lstart=');
  const stat = procFile(pid, 'stat');
  // After the name, which is in parentheses and may hold anything: state, …, start time (the 20th).
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields?.[0] === 'Z' ? undefined : fields?.[19];
}

/** Seconds a process has been running, or undefined when it does not run. */
export function uptimeSeconds(pid: number): number | undefined {
  const started = startedAt(pid);
  if (started === undefined) return undefined;
  if (!hasProc) return (Date.now() - Date.parse(started)) / 1000;
  return Number(readFileSync('/proc/uptime', 'latin1').split(' ')[0]) - Number(started) / TICKS_PER_SECOND;
}

/** Program and arguments of a process, separated by spaces; undefined when it does not run. */
export function commandLine(pid: number): string | undefined {
  if (!hasProc) return ps(pid, 'command=');
  return procFile(pid, 'cmdline')?.replaceAll('\0', ' ').trim();
}

/**
 * The processes (other than ourselves) that were started for the stack in `dataDir`, whoever started them;
 * with `below` also those of stacks in folders below it.
 */
export function processesOfStack(dataDir: string, { below = false } = {}): number[] {
  const marker = `${STACK_VARIABLE}=${resolve(dataDir)}`;
  const matches = (entry: string) => entry === marker || (below && entry.startsWith(`${marker}/`));
  const found = hasProc ? markedInProc(matches) : markedInPs(matches);
  return found.filter((pid) => pid !== process.pid && isRunning(pid));
}

function markedInProc(matches: (entry: string) => boolean): number[] {
  return pidsInProc().filter((pid) => procFile(pid, 'environ')?.split('\0').some(matches));
}

/** The processes of a program that work in a folder, as far as we may see; none where there is no /proc. */
export function processesIn(folder: string, program: string): number[] {
  if (!hasProc) return [];
  const isOne = (pid: number) =>
    procLink(pid, 'cwd') === folder && basename(procLink(pid, 'exe') ?? '') === program;
  return pidsInProc().filter((pid) => isOne(pid) && isRunning(pid));
}

function pidsInProc(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

/** The output of ps separates variables by spaces, so a folder with a space in its name is not recognised. */
function markedInPs(matches: (entry: string) => boolean): number[] {
  const { stdout } = spawnSync('ps', ['axeww', '-o', 'pid=,command='], { encoding: 'utf8' });
  return stdout
    .split('\n')
    .filter((line) => line.split(' ').some(matches))
    .map((line) => Number.parseInt(line, 10));
}

/** A file of /proc, or undefined when the process is gone or belongs to someone else. */
function procFile(pid: number, file: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'latin1');
  } catch {
    return undefined;
  }
}

/** Where a link of /proc leads, or undefined likewise. */
function procLink(pid: number, link: string): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/${link}`);
  } catch {
    return undefined;
  }
}

function ps(pid: number, column: string): string | undefined {
  const { stdout } = spawnSync('ps', ['-o', column, '-p', String(pid)], { encoding: 'utf8' });
  return stdout.trim() || undefined;
}
