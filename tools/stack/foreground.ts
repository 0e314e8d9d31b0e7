import type { LocalOptions } from './plan.ts';
import type { Report } from './progress.ts';
import { runStack } from './run-stack.ts';
import { listenForSignals } from './stop-signals.ts';
import { summary } from './summary.ts';
import { terminalReport } from './terminal.ts';

/** Runs the stack in the terminal until Ctrl-C. */
export async function startInForeground(options: LocalOptions): Promise<void> {
  const report = terminalReport();
  const signals = listenForSignals();
  await runStack(options, withTime(report), signals, (stack) => {
    report({ kind: 'line', text: summary(stack, options, false) });
  });
  signals.release();
}

/** Lines about what ended and came back carry the time of day. */
export function withTime(report: Report): Report {
  const time = () => new Date().toTimeString().slice(0, 8);
  return (event) => report(event.kind === 'line' ? { kind: 'line', text: `${time()} ${event.text}` } : event);
}
