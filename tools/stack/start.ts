import { type ChildProcess, spawn } from 'node:child_process';
import { childEnvironment } from './environment.ts';
import { withLogFile } from './log-file.ts';
import { type LocalOptions, logFileOf } from './plan.ts';
import { type Report, type StartEvent, withTime } from './progress.ts';
import { runStack } from './run-stack.ts';
import type { StackFile } from './stack-file.ts';
import { listenForSignals } from './stop-signals.ts';
import { summary } from './summary.ts';
import { terminalReport } from './terminal.ts';

/** What the supervisor in the background tells its starter, until everything is ready. */
type Message = StartEvent | { kind: 'ready'; stack: StackFile } | { kind: 'failed'; message: string };

/** Runs the stack in the terminal until Ctrl-C. */
export async function startInForeground(options: LocalOptions): Promise<void> {
  const report = terminalReport();
  const signals = listenForSignals();
  await runStack(options, withTime(report), signals, (stack) => {
    report({ kind: 'line', text: summary(stack, options, false) });
  });
  signals.release();
}

/**
 * Starts a supervisor in the background (this program again, with `args`), shows its progress, and returns
 * when everything is ready.
 * @throws Error with the supervisor's own message when the start fails
 */
export async function startInBackground(options: LocalOptions, args: readonly string[]): Promise<void> {
  const report = terminalReport();
  const signals = listenForSignals();
  const supervisor = spawnSupervisor(options.dataDir, args);
  for (const signal of [signals.stop, signals.force])
    signal.addEventListener('abort', () => supervisor.kill('SIGTERM'));
  const stack = await untilReady(supervisor, report);
  signals.release();
  supervisor.unref();
  report({ kind: 'line', text: summary(stack, options, true) });
}

/** The background half: reports over IPC until everything is ready, from then on only to its log. */
export async function superviseInBackground(options: LocalOptions): Promise<void> {
  const toLog = withTime(terminalReport());
  const signals = listenForSignals();
  const onDisconnect = () => process.kill(process.pid, 'SIGTERM'); // the starter is gone, so the stack is not wanted
  process.on('disconnect', onDisconnect);
  const tell = (message: Message) => process.connected && process.send?.(message);
  const letGo = () => {
    process.off('disconnect', onDisconnect);
    if (process.connected) process.disconnect();
  };
  const report: Report = (event) => {
    tell(event);
    toLog(event);
  };
  try {
    await runStack(options, report, signals, (stack) => {
      tell({ kind: 'ready', stack });
      letGo();
    });
  } catch (error) {
    tell({ kind: 'failed', message: error instanceof Error ? error.message : String(error) });
    throw error;
  } finally {
    letGo();
    signals.release();
  }
}

function spawnSupervisor(dataDir: string, args: readonly string[]): ChildProcess {
  const [, program = ''] = process.argv;
  return withLogFile(logFileOf(dataDir, 'supervisor'), (fd) =>
    spawn(process.execPath, [program, ...args], {
      env: childEnvironment(dataDir, {}),
      detached: true,
      stdio: ['ignore', fd, fd, 'ipc'],
    }),
  );
}

function untilReady(supervisor: ChildProcess, report: Report): Promise<StackFile> {
  return new Promise((resolve, reject) => {
    let failure = 'the start was broken off';
    supervisor.on('message', (message: Message) => {
      if (message.kind === 'ready') resolve(message.stack);
      else if (message.kind === 'failed') failure = message.message;
      else report(message);
    });
    supervisor.on('error', reject);
    supervisor.on('exit', () => reject(new Error(failure)));
  });
}
