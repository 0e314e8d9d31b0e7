import { checkRoom } from './disk-room.ts';
import { setting } from './environment.ts';
import { explain } from './failure.ts';
import { endLeftovers } from './leftovers.ts';
import { lockDataDirectory } from './lock.ts';
import { checkGatewayPorts, type LocalOptions } from './plan.ts';
import { type Report, reported } from './progress.ts';
import { removeStackFile, type StackFile, writeStackFile } from './stack-file.ts';
import { describeStack, startAll } from './start-order.ts';
import type { StopSignals } from './stop-signals.ts';
import { Supervisor } from './supervisor.ts';

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
  const supervisor = new Supervisor({
    line: (text) => report({ kind: 'line', text }),
    changed: () => describe(),
  });
  /** Tells other programs what runs; on a full disk as soon as there is room. */
  const describe = (): void => {
    if (!isUp) return;
    try {
      writeStackFile(dataDir, describeStack(supervisor));
    } catch (error) {
      report({ kind: 'line', text: `stack.json cannot be written: ${explain(error)}` });
      setTimeout(describe, REWRITE_MS).unref();
    }
  };
  const bringUp = async () => {
    await endLeftovers(dataDir, report);
    if (setting('AMQP_URL') === undefined) checkRoom(dataDir);
    await checkGatewayPorts(options);
    await startAll(options, supervisor, report);
  };
  const stopped = untilAborted(signals.stop);
  try {
    const outcome = await Promise.race([bringUp(), stopped]);
    if (outcome === 'stopped') return;
    isUp = true;
    const stack = describeStack(supervisor);
    writeStackFile(dataDir, stack);
    onReady(stack);
    await stopped;
  } finally {
    isUp = false;
    removeStackFile(dataDir);
    await stopAll(supervisor, signals.force, report);
    await endLeftovers(dataDir, report);
    release();
  }
}

async function stopAll(supervisor: Supervisor, force: AbortSignal, report: Report): Promise<void> {
  const stop = () => supervisor.stop(force);
  await (supervisor.processes.length === 0 ? stop() : reported(report, 'Stop', stop));
}

function untilAborted(signal: AbortSignal): Promise<'stopped'> {
  return new Promise((resolve) => {
    // A timer keeps the process alive: nothing else may be going on while everything runs well.
    const alive = setInterval(() => undefined, 60_000);
    const done = () => {
      clearInterval(alive);
      resolve('stopped');
    };
    if (signal.aborted) done();
    else signal.addEventListener('abort', done, { once: true });
  });
}
