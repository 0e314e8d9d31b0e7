import { checkRoom } from './disk-room.ts';
import { setting } from './environment.ts';
import { explain } from './failure.ts';
import { endLeftovers } from './leftovers.ts';
import { lockDataDirectory } from './lock.ts';
import type { Control } from './control.ts';
import { checkGatewayPorts, controlOf, type LocalOptions, startAll } from './plan.ts';
import { type Report, reported } from './progress.ts';
import { describeStack, removeStackFile, type StackFile, writeStackFile } from './stack-file.ts';
import type { StopSignals } from './stop-signals.ts';
import { Supervisor } from './supervisor.ts';
import { aborted } from './until.ts';

/** How long after a failure stack.json is written again. */
const REWRITE_MS = 5_000;

/**
 * Starts the stack, calls `onReady` when everything is ready, keeps it running, and ends it in order when
 * `signals.stop` fires, also during the start.
 * @throws Error that says what could not be started and why; nothing is left running then either.
 */
export async function runStack(
  options: LocalOptions,
  report: Report,
  signals: StopSignals,
  onReady: (stack: StackFile) => void,
): Promise<void> {
  const { dataDir } = options;
  const release = lockDataDirectory(dataDir);
  let isUp = false;
  const line = (text: string) => report({ kind: 'line', text });
  const supervisor = new Supervisor({ line, changed: () => describe() });
  /** Tells other programs what runs; on a full disk as soon as there is room. */
  const describe = (): void => {
    if (!isUp) return;
    try {
      writeStackFile(dataDir, describeStack(supervisor.processes));
    } catch (error) {
      line(`stack.json cannot be written: ${explain(error)}`);
      setTimeout(describe, REWRITE_MS).unref();
    }
  };
  let control: Control | undefined;
  const bringUp = async () => {
    await endLeftovers(dataDir, report);
    if (setting('AMQP_URL') === undefined) checkRoom(dataDir);
    await checkGatewayPorts(options);
    control = await controlOf(options, supervisor);
    await startAll(options, supervisor, report, control);
  };
  const alive = setInterval(() => undefined, 60_000); // nothing else may be going on while everything runs well
  const stopped = aborted(signals.stop);
  try {
    if ((await Promise.race([bringUp(), stopped])) === 'aborted') return;
    isUp = true;
    const stack = describeStack(supervisor.processes);
    writeStackFile(dataDir, stack);
    onReady(stack);
    await stopped;
  } finally {
    isUp = false;
    control?.close();
    clearInterval(alive);
    removeStackFile(dataDir);
    const stop = () => supervisor.stop(signals.force);
    await (supervisor.processes.length === 0 ? stop() : reported(report, 'Stop', stop));
    await endLeftovers(dataDir, report);
    release();
  }
}
