import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { supervisorPid } from './lock.ts';
import { processesOfStack, sendSignal, untilGone } from './processes.ts';
import { type Report, reported } from './progress.ts';
import { readStackFile, removeStackFile } from './stack-file.ts';

/** Longest orderly end of what a supervisor left behind, and of a supervisor with all it has, before it is killed. */
const ORDERLY_MS = 20_000;
const SUPERVISOR_MS = 60_000;

/**
 * Ends the stack of a data directory, also when its supervisor is gone, and returns when nothing of it runs
 * any more: true if something did.
 */
export async function stopStack(dataDir: string, report: Report): Promise<boolean> {
  const pid = supervisorPid(dataDir);
  const found = pid !== undefined || processesOfStack(dataDir).length > 0;
  if (pid !== undefined) await reported(report, 'Stop', () => stopSupervisor(pid));
  await endLeftovers(dataDir, report);
  return found;
}

async function stopSupervisor(pid: number): Promise<void> {
  sendSignal(pid, 'SIGTERM');
  await untilGone([pid], SUPERVISOR_MS).catch(() => {
    sendSignal(pid, 'SIGTERM'); // the second one forces
    return untilGone([pid], 10_000);
  });
}

/**
 * Ends what still runs of a stack whose supervisor is gone: the services, then broker and database in their
 * orderly way, then by force what is left. Touches only processes that were started for this data
 * directory (their environment says so), whatever stack.json claims.
 */
export async function endLeftovers(dataDir: string, report: Report): Promise<void> {
  if (processesOfStack(dataDir).length > 0)
    await reported(report, 'End what was left running', () => endInOrder(dataDir));
  removeStackFile(dataDir);
}

async function endInOrder(dataDir: string): Promise<void> {
  const known = readStackFile(dataDir)?.processes ?? [];
  const isBackend = (name: string) => name === 'rabbitmq' || name === 'postgres';
  for (const backends of [false, true]) {
    const ours = new Set(processesOfStack(dataDir));
    const members = known.filter(({ name, pid }) => isBackend(name) === backends && ours.has(pid));
    // For PostgreSQL, SIGTERM means: when the last client has left.
    for (const { pid, name } of members) sendSignal(pid, name === 'postgres' ? 'SIGINT' : 'SIGTERM');
    const pids = members.map(({ pid }) => pid);
    await untilGone(pids, ORDERLY_MS).catch(() => undefined); // what does not end is killed below
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
