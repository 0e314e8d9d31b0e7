import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { inBatches } from './batch-scheduling.ts';
import { logSize, withLogFile } from './log-file.ts';

/** How a process ended: by its own exit code, or by a signal. */
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
 * Starts a process in a process group of its own, so that a Ctrl-C in the terminal reaches only us and
 * we can stop everything in order. Its output is appended to `logFile`.
 * @throws Error when it cannot be started at all (no such file, no permission). Where `chrt` starts it, that is an exit
 *   with code 126 or 127 instead, and a line in the log.
 */
export async function startChild(options: ChildOptions): Promise<Child> {
  const { command, args, env, cwd, uid, gid, logFile, input } = options;
  let logStart = 0;
  const process = withLogFile(logFile, (fd) => {
    logStart = logSize(logFile);
    return spawn(...inBatches(command, args), {
      env,
      cwd,
      detached: true,
      stdio: [input === undefined ? 'ignore' : 'pipe', fd, fd],
      ...(uid === undefined ? {} : { uid }),
      ...(gid === undefined ? {} : { gid }),
    });
  });
  let exit: Exit | undefined;
  const exited = new Promise<Exit>((resolve) => {
    process.once('exit', (code, signal) => {
      exit = { code, signal };
      resolve(exit);
    });
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

/**
 * Asks a process to end and waits for it; after `timeoutMs`, or as soon as `force` fires, its whole
 * process group is killed. Returns how it ended and whether it had to be killed.
 */
export async function stopChild(
  child: Child,
  { signal, timeoutMs, force }: { signal: NodeJS.Signals; timeoutMs: number; force?: AbortSignal },
): Promise<Exit & { forced: boolean }> {
  const impatient = new AbortController();
  child.kill(signal);
  const aborts = [impatient.signal, ...(force ? [force] : [])];
  const timeout = delay(timeoutMs, 'timeout' as const, { signal: AbortSignal.any(aborts), ref: false });
  const winner = await Promise.race([child.exited, timeout.catch(() => 'timeout' as const)]);
  impatient.abort();
  if (winner !== 'timeout') return { ...winner, forced: false };
  if (!child.exit) killGroup(child.pid);
  return { ...(await child.exited), forced: true };
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch (error) {
    if (!isGone(error)) throw error;
  }
}

/** Whether sending a signal failed because there is no such process any more. */
export function isGone(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ESRCH';
}

/** "exit code 1" or "signal SIGKILL", for messages. */
export function describeExit({ code, signal }: Exit): string {
  return signal === null ? `exit code ${code ?? 'unknown'}` : `signal ${signal}`;
}
