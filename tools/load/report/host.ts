import { execFileSync, type StdioOptions } from 'node:child_process';
import { cpus, release } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { REPOSITORY } from '../../stack/environment.ts';
import { sum } from '../meter.ts';

const LOOK_MS = 1_000;

/** The machine and the version that were measured. */
export async function describeHost() {
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
    /** Share of all processors that other processes used before the run: 0 to 1. */
    busyBefore: 1 - (after.idle - before.idle) / (after.total - before.total),
  };
}

/** Of all processors, milliseconds. */
function cpuTimes(): { idle: number; total: number } {
  const times = cpus().map((cpu) => cpu.times);
  return { idle: sum(times.map(({ idle }) => idle)), total: sum(times.flatMap((one) => Object.values(one))) };
}

function commit(): string {
  try {
    const stdio: StdioOptions = ['ignore', 'pipe', 'ignore'];
    const options = { cwd: REPOSITORY, encoding: 'utf8', stdio } as const;
    return execFileSync('git', ['describe', '--always', '--dirty'], options).trim();
  } catch {
    return 'unknown'; // not a clone
  }
}
