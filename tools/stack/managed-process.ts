import { type Child, describeExit, type Exit } from './child.ts';
import { logTail } from './log-file.ts';
import { sendSignal } from './processes.ts';
import { aborted, until } from './until.ts';

/** A process of the stack as data: how to run it, and how to tell that it is up. */
export interface ManagedProcess {
  /** As in stack.json: `gateway-1`, `rabbitmq`, … */
  readonly name: string;
  readonly port: number;
  /** Base address of its HTTP interface, when it has one. */
  readonly http?: string;
  readonly logFile: string;
  /** When a stack is stopped, all of a lower rank have ended before those of a higher one are asked to. */
  readonly stopRank: number;
  /** Asks for an orderly end. */
  readonly stopSignal: NodeJS.Signals;
  /** Longest orderly end; after it the process is killed. */
  readonly stopTimeoutMs: number;
  /** Longest start until ready. */
  readonly startTimeoutMs: number;
  /** What to do when it cannot start because its data is damaged, if it has any. */
  readonly ifDamaged?: string;
  launch(): Promise<Child>;
  /** One look, without waiting; may throw while it is not ready. */
  isReady(): Promise<boolean>;
  /** Removes what the process leaves behind when it ends, if anything. */
  afterExit?(): Promise<void>;
  /** Called about once a second while it runs, if present. */
  tend?(child: Child): void;
}

/** Launches a process and waits until it is ready; kills it again when that fails. */
export async function startProcess(spec: ManagedProcess): Promise<Child> {
  const child = await spec.launch();
  try {
    await waitReady(spec, child);
    return child;
  } catch (error) {
    await stopProcess(spec, child, AbortSignal.abort());
    throw error;
  }
}

/** @throws Error with the end of its log when it exits before it is ready, or takes longer than `startTimeoutMs` */
export async function waitReady(spec: ManagedProcess, child: Child): Promise<void> {
  const { name, startTimeoutMs: timeoutMs } = spec;
  const condition = async () => child.exit ?? (await spec.isReady());
  try {
    await until(condition, { what: `${name} to be ready`, timeoutMs, intervalMs: 50 });
  } catch (cause) {
    throw await startFailure(spec, child, cause instanceof Error ? cause.message : String(cause));
  }
  if (child.exit)
    throw await startFailure(spec, child, `ended with ${describeExit(child.exit)} before it was ready`);
}

async function startFailure(
  { name, logFile, ifDamaged }: ManagedProcess,
  child: Child,
  why: string,
): Promise<Error> {
  const tail = await logTail(logFile, 20, child.logStart);
  const advice = ifDamaged === undefined ? '' : `\nIf its data is damaged: ${ifDamaged}`;
  return new Error(`${name}: ${why}\nThe end of ${logFile}:\n${tail || '(empty)'}${advice}`);
}

/**
 * Asks a process to end; after its time, or when `force` fires, kills its process group. Returns how it ended, and whether
 * it had to be killed.
 */
export async function stopProcess(
  spec: ManagedProcess,
  child: Child,
  force?: AbortSignal,
): Promise<Exit & { forced: boolean }> {
  child.kill(spec.stopSignal);
  const late = AbortSignal.any([AbortSignal.timeout(spec.stopTimeoutMs), ...(force ? [force] : [])]);
  await Promise.race([child.exited, aborted(late)]);
  const forced = child.exit === undefined;
  if (forced) sendSignal(-child.pid, 'SIGKILL');
  const exit = await child.exited;
  await spec.afterExit?.();
  return { ...exit, forced };
}
