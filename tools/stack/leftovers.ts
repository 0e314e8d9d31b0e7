import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { isGone } from './child.ts';
import { isRunning, processesOfStack } from './process-table.ts';
import { type Report, reported } from './progress.ts';
import { readStackFile, removeStackFile } from './stack-file.ts';
import { until } from './until.ts';

/** Longest orderly end of what a supervisor left behind, before it is killed. */
const ORDERLY_MS = 20_000;

/**
 * Ends what still runs of a stack whose supervisor is gone: the services, then broker and database in their
 * orderly way, then by force whatever is left. Touches only processes that were started for this data
 * directory (their environment says so), whatever stack.json claims.
 */
export async function endLeftovers(dataDir: string, report: Report): Promise<void> {
  if (processesOfStack(dataDir).length > 0) {
    await reported(report, 'End what was left running', () => endInOrder(dataDir));
  }
  removeStackFile(dataDir);
}

async function endInOrder(dataDir: string): Promise<void> {
  const known = readStackFile(dataDir)?.processes ?? [];
  const isBackend = (name: string) => name === 'rabbitmq' || name === 'postgres';
  for (const group of [
    known.filter(({ name }) => !isBackend(name)),
    known.filter(({ name }) => isBackend(name)),
  ]) {
    const ours = new Set(processesOfStack(dataDir));
    const members = group.filter(({ pid }) => ours.has(pid));
    // For PostgreSQL, SIGTERM means: when the last client has left.
    for (const { pid, name } of members) sendSignal(pid, name === 'postgres' ? 'SIGINT' : 'SIGTERM');
    await untilGone(
      members.map(({ pid }) => pid),
      ORDERLY_MS,
    ).catch(() => undefined); // what does not end is killed below
  }
  await untilGone(killStack(dataDir), 5_000);
}

/**
 * Kills every process of the stack in `dataDir` (with `below` also of stacks in folders below it) at once,
 * and returns their ids. Never waits.
 */
export function killStack(dataDir: string, options?: { below: boolean }): number[] {
  const pids = processesOfStack(dataDir, options);
  for (const pid of pids) sendSignal(pid, 'SIGKILL');
  return pids;
}

/** Takes away what is mounted below a folder, also where files are open, so that the folder can be removed. */
export function unmountBelow(folder: string): void {
  if (process.platform !== 'linux') return;
  const mounts = readFileSync('/proc/self/mounts', 'utf8').split('\n');
  for (const [, path = ''] of mounts.map((line) => line.split(' ')))
    if (path.startsWith(`${resolve(folder)}/`)) execFileSync('umount', ['--lazy', path], { stdio: 'pipe' });
}

/** Sends a signal to a process that may have ended meanwhile. */
export function sendSignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (!isGone(error)) throw error;
  }
}

/** Waits until none of the processes runs any more. @throws Error when one still does after `timeoutMs`. */
export async function untilGone(pids: readonly number[], timeoutMs: number): Promise<void> {
  const running = () => pids.filter(isRunning);
  await until(() => running().length === 0, { what: `${pids.join(', ')} to end`, timeoutMs });
}
