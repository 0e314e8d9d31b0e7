/** What happens during a start, as data: shown by a terminal, or sent from a supervisor in the background. */
export type StartEvent =
  | { kind: 'begin'; step: string }
  | { kind: 'end'; step: string; ms: number; failed: boolean }
  | { kind: 'line'; text: string };

/** Takes the events of a start. */
export type Report = (event: StartEvent) => void;

/** Does one step of a start, and reports its begin and end. */
export async function reported<T>(report: Report, step: string, work: () => Promise<T>): Promise<T> {
  const began = Date.now();
  let failed = true;
  report({ kind: 'begin', step });
  try {
    const result = await work();
    failed = false;
    return result;
  } finally {
    report({ kind: 'end', step, ms: Date.now() - began, failed });
  }
}

/** Lines about what ended and came back carry the time of day. */
export function withTime(report: Report): Report {
  const time = () => new Date().toTimeString().slice(0, 8);
  return (event) => report(event.kind === 'line' ? { kind: 'line', text: `${time()} ${event.text}` } : event);
}
