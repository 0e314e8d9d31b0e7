import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { inBatches } from './batch-scheduling.ts';
import { logSize, withLogFile } from './log-file.ts';

/** How a process ended: with an exit code, or by a signal. */
export interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

/** A process we started. */
export interface Child {
  readonly pid: number;
  /** Resolves when the process is gone; never rejects. */
  readonly exited: Promise<Exit>;
  /** Size of its log in bytes when it was started: what follows is its own. */
  readonly logStart: number;
  /** Undefined while it runs. */
  readonly exit: Exit | undefined;
  /** Sends a signal; false when the process is gone. */
  kill(signal: NodeJS.Signals): boolean;
}

/** What to run. Without `uid` it runs as we do. */
export interface ChildOptions {
  command: string;
  args: readonly string[];
  env: NodeJS.ProcessEnv;
  cwd: string;
  logFile: string;
  uid?: number | undefined;
  gid?: number | undefined;
  /** What it reads from its standard input. */
  input?: string | undefined;
}

/**
 * Starts a process in a process group of its own, so that Ctrl-C in the terminal reaches only us and we stop everything in
 * order. Its output goes straight to `logFile`, also after our end.
 * @throws Error when it cannot be started at all. Where `chrt` starts it, that is an exit with code 126 or 127 instead.
 */
export async function startChild({
  command,
  args,
  logFile,
  input,
  ...options
}: ChildOptions): Promise<Child> {
  let logStart = 0;
  const process = withLogFile(logFile, (fd) => {
    logStart = logSize(logFile);
    const stdio = [input === undefined ? 'ignore' : 'pipe', fd, fd] as const;
    return spawn(...inBatches(command, args), { ...options, detached: true, stdio: [...stdio] });
  });
  let exit: Exit | undefined;
  const exited = new Promise<Exit>((resolve) => {
    process.once('exit', (code, signal) => resolve((exit = { code, signal })));
  });
  await once(process, 'spawn');
  process.stdin?.on('error', () => undefined); // it may end before it has read everything
  process.stdin?.end(input);
  return {
    pid: process.pid ?? 0, // set once 'spawn' was emitted
    logStart,
    exited,
    get exit() {
      return exit;
    },
    kill: (signal) => process.kill(signal),
  };
}

/** "exit code 1" or "signal SIGKILL", for messages. */
export const describeExit = ({ code, signal }: Exit): string =>
  signal === null ? `exit code ${code ?? 'unknown'}` : `signal ${signal}`;
