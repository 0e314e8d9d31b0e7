import { execFileSync, type StdioOptions } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus, release } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { REPOSITORY } from '../../stack/environment.ts';

/** Where and on what the figures were measured. */
export interface Host {
  at: string;
  cpus: number;
  model: string;
  kernel: string;
  node: string;
  commit: string;
  /** Share of all processors that was in use before the run, by others: 0 to 1. */
  busyBefore: number;
}

const LOOK_MS = 1_000;

export async function describeHost(): Promise<Host> {
  const before = cpuTimes();
  await delay(LOOK_MS);
  const after = cpuTimes();
  return {
    at: new Date().toISOString(),
    cpus: cpus().length,
    model: cpus()[0]?.model ?? 'unknown',
    kernel: release(),
    node: process.versions.node,
    commit: commit(),
    busyBefore: 1 - (after.idle - before.idle) / (after.total - before.total),
  };
}

/** Of the whole machine, in ticks (proc(5): user, nice, system, idle, iowait, …). */
function cpuTimes(): { idle: number; total: number } {
  const [, ...fields] = readFileSync('/proc/stat', 'latin1').split('\n', 1)[0]?.split(/\s+/) ?? [];
  const times = fields.map(Number);
  return { idle: (times[3] ?? 0) + (times[4] ?? 0), total: times.reduce((sum, ticks) => sum + ticks, 0) };
}

function commit(): string {
  try {
    const stdio: StdioOptions = ['ignore', 'pipe', 'ignore'];
    return execFileSync('git', ['describe', '--always', '--dirty'], {
      cwd: REPOSITORY,
      encoding: 'utf8',
      stdio,
    }).trim();
  } catch {
    return 'unknown'; // not a clone
  }
}
