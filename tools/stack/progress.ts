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
  const end = (failed: boolean) => report({ kind: 'end', step, ms: Date.now() - began, failed });
  report({ kind: 'begin', step });
  try {
    const result = await work();
    end(false);
    return result;
  } catch (error) {
    end(true);
    throw error;
  }
}
