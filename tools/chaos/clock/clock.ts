import { pathToFileURL } from 'node:url';
import { join } from 'node:path';
import { writeFileSync } from 'node:fs';

/** Names the file that a process reads its error from. */
export const CLOCK_VARIABLE = 'CHAOS_CLOCK';

/** The wall clock of one process, which can be made wrong while it runs. What it measures durations with stays right. */
export class ProcessClock {
  readonly #path: string;

  /** @param path file through which the process is told, for whatever number of its lives */
  constructor(path: string) {
    this.#path = path;
    this.shift(0);
  }

  /** Shifts the clock by `ms` milliseconds; takes effect within a fraction of a second. */
  shift(ms: number): void {
    writeFileSync(this.#path, String(ms));
  }

  /** What the process is to be started with. */
  get env(): NodeJS.ProcessEnv {
    const preload = pathToFileURL(join(import.meta.dirname, 'preload.ts')).href;
    return { [CLOCK_VARIABLE]: this.#path, NODE_OPTIONS: `--import ${preload}` };
  }
}
