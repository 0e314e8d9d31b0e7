import { type Child, describeExit, stopChild } from './child.ts';
import { logTail } from './log-file.ts';
import { until } from './until.ts';

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

/**
 * Waits until a launched process is ready.
 * @throws Error with the end of its log when it exits first or takes longer than `startTimeoutMs`.
 */
export async function waitReady(spec: ManagedProcess, child: Child): Promise<void> {
  try {
    await until(async () => child.exit ?? (await spec.isReady()), {
      what: `${spec.name} to be ready`,
      timeoutMs: spec.startTimeoutMs,
      intervalMs: 50,
    });
  } catch (cause) {
    throw await startFailure(spec, child, cause instanceof Error ? cause.message : String(cause));
  }
  if (child.exit)
    throw await startFailure(spec, child, `ended with ${describeExit(child.exit)} before it was ready`);
}

async function startFailure(spec: ManagedProcess, child: Child, why: string): Promise<Error> {
  const tail = await logTail(spec.logFile, 20, child.logStart);
  const advice = spec.ifDamaged === undefined ? '' : `\nIf its data is damaged: ${spec.ifDamaged}`;
  return new Error(`${spec.name}: ${why}\nThe end of ${spec.logFile}:\n${tail || '(empty)'}${advice}`);
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

/** Ends a process in its orderly way, by force after its time is over or when `force` fires. */
export async function stopProcess(spec: ManagedProcess, child: Child, force?: AbortSignal) {
  const { stopSignal: signal, stopTimeoutMs: timeoutMs } = spec;
  const outcome = await stopChild(child, { signal, timeoutMs, ...(force ? { force } : {}) });
  await spec.afterExit?.();
  return outcome;
}
