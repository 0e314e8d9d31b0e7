import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { ps, startedAt } from '../bootstrap/process.mjs';
import { STACK_VARIABLE } from './environment.ts';
import { until } from './until.ts';

const hasProc = existsSync('/proc/self/stat');

/** Unit of times in /proc; 100 on every Linux in use. */
const TICKS_PER_SECOND = 100;

/** Whether a process with this id runs (one that ended and waits to be collected does not count). */
export const isRunning = (pid: number): boolean => startedAt(pid) !== undefined;

/** Seconds a process has been running, or undefined when it does not run. */
export function uptimeSeconds(pid: number): number | undefined {
  const started = startedAt(pid);
  if (started === undefined) return undefined;
  if (!hasProc) return (Date.now() - Date.parse(started)) / 1000;
  return Number(readFileSync('/proc/uptime', 'latin1').split(' ')[0]) - Number(started) / TICKS_PER_SECOND;
}

/** Program and arguments of a process, separated by spaces. */
export const commandLine = (pid: number): string | undefined =>
  hasProc
    ? orNothing(() => readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' ').trim())
    : ps('-o', 'command=', '-p', String(pid)).trim() || undefined;

/**
 * The processes (other than ourselves) that were started for the stack in `dataDir`, by whomever; with `below` also those
 * of stacks in folders below it. Where only `ps` tells, a folder with a space in its name is not recognised.
 */
export function processesOfStack(dataDir: string, { below = false } = {}): number[] {
  const marker = `${STACK_VARIABLE}=${resolve(dataDir)}`;
  const isMarked = (entry: string) => entry === marker || (below && entry.startsWith(`${marker}/`));
  const environment = (pid: number) => orNothing(() => readFileSync(`/proc/${pid}/environ`, 'latin1'));
  const found = hasProc
    ? allPids().filter((pid) => environment(pid)?.split('\0').some(isMarked))
    : ps('axeww', '-o', 'pid=,command=')
        .split('\n')
        .filter((line) => line.split(' ').some(isMarked))
        .map((line) => Number.parseInt(line, 10));
  return found.filter((pid) => pid !== process.pid && isRunning(pid));
}

/** The processes of a program that work in a folder, as far as we may see; none where there is no /proc. */
export function processesIn(folder: string, program: string): number[] {
  const link = (pid: number, name: string) => orNothing(() => readlinkSync(`/proc/${pid}/${name}`)) ?? '';
  const isOne = (pid: number) => link(pid, 'cwd') === folder && basename(link(pid, 'exe')) === program;
  return allPids().filter((pid) => isOne(pid) && isRunning(pid));
}

/** All processes; none where there is no /proc. */
export const allPids = (): number[] =>
  hasProc ? readdirSync('/proc').map(Number).filter(Number.isInteger) : [];

/** Processes and their files come and go while we look, and some we may not see. */
export function orNothing<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch {
    return undefined;
  }
}

/** Sends a signal to a process (a group, if negative) that may have ended meanwhile. */
export function sendSignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}

/** Waits until none of the processes runs any more. @throws Error when one still does after `timeoutMs`. */
export async function untilGone(pids: readonly number[], timeoutMs: number): Promise<void> {
  await until(() => !pids.some(isRunning), { what: `${pids.join(', ')} to end`, timeoutMs });
}
