import type { Readable, Writable } from 'node:stream';

/** What a command reads and writes: the process's own, or a test's. */
export interface Surroundings {
  env: NodeJS.ProcessEnv;
  input: Readable & { isTTY?: boolean };
  output: Writable & { isTTY?: boolean };
  /** For people: progress and errors, never bodies or tokens. */
  errors: Writable & { isTTY?: boolean };
  /** Calls this at SIGINT or SIGTERM. @returns a function that ends it */
  onInterrupt: (stop: () => void) => () => void;
}

/** Writes a line, and resolves when it is on its way: a slow reader slows the command down. */
export const writeLine = (to: Writable, line: string): Promise<void> =>
  new Promise((resolve, reject) => {
    to.write(`${line}\n`, (error) => (error ? reject(error) : resolve()));
  });
