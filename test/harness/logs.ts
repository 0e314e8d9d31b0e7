import { afterEach, beforeEach } from 'vitest';
import { logSize, logTail } from '../../tools/stack/log-file.ts';

/** At most so many lines of each log are printed for a test that failed. */
const LINES = 60;

/** What a log held when the test began: path to size in bytes. */
const sizes = new Map<string, number>();
const names = new Map<string, string>();

/** From now on, what this process logs during a test is printed if the test fails. */
export function watchLog(name: string, path: string): void {
  names.set(path, name);
}

/** Installs the hooks; called once by whatever module of the harness is used inside test files. */
export function printLogsOfFailedTests(): void {
  beforeEach(() => {
    for (const path of names.keys()) sizes.set(path, logSize(path));
  });
  afterEach(async ({ task }) => {
    if (task.result?.state !== 'fail') return;
    for (const [path, name] of names) {
      const tail = await logTail(path, LINES, sizes.get(path));
      if (tail) console.error(`--- ${name}, during "${task.name}" ---\n${tail}`);
    }
  });
}
