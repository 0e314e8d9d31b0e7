import type { FaultEvent } from '../history.ts';
import type { Message } from './message.ts';

/** How long messages had to wait because of one kind of fault, at most, milliseconds. */
export interface Waits {
  fault: string;
  times: number;
  /** From the fault, or from msg:A if that came later, until the application got the message. */
  sinceBegan: number;
  /** From the moment when it was healed. */
  sinceHealed: number;
}

type Wait = Pick<Waits, 'sinceBegan' | 'sinceHealed'> & { event: FaultEvent };

/**
 * The longest waits for each kind of fault, and `longestMs`: the longest wait from the moment when a fault was healed
 * and nothing else was wrong. Counts messages that no other fault hit before they were handed on.
 */
export function recoveryOf(messages: readonly Message[], faults: readonly FaultEvent[]) {
  const waits = faults.flatMap((event) => waitsOf(event, messages, faults));
  const alone = new Set(faults.filter((event) => isAlone(event, faults)));
  const byFault = [...Map.groupBy(faults, ({ fault }) => fault)].map(([fault, events]): Waits => {
    const own = waits.filter(({ event }) => event.fault === fault);
    const most = (of: (wait: Wait) => number) =>
      own.reduce((longest, wait) => Math.max(longest, of(wait)), 0);
    const [sinceBegan, sinceHealed] = [most((wait) => wait.sinceBegan), most((wait) => wait.sinceHealed)];
    return { fault, times: events.length, sinceBegan, sinceHealed };
  });
  const longestMs = waits
    .filter(({ event }) => alone.has(event))
    .reduce((longest, { sinceHealed }) => Math.max(longest, sinceHealed), 0);
  return { waits: byFault, longestMs };
}

const healedAt = ({ healed = Infinity }: FaultEvent) => healed;

/** Of the messages that were under way during the fault, and were handed on before the next one. */
function waitsOf(event: FaultEvent, messages: readonly Message[], faults: readonly FaultEvent[]): Wait[] {
  const { began } = event;
  const next = Math.min(...faults.map((other) => other.began).filter((other) => other > began));
  return messages.flatMap(({ accepted: [first], handed: [last] }) => {
    if (!first || !last || first.t >= healedAt(event) || last.t <= began || last.t >= next) return [];
    const sinceBegan = last.t - Math.max(first.t, began);
    return [{ event, sinceBegan, sinceHealed: last.t - healedAt(event) }];
  });
}

/** Whether nothing else was wrong when it was healed. */
const isAlone = (event: FaultEvent, faults: readonly FaultEvent[]) =>
  faults.every(
    (other) => other === event || other.began > healedAt(event) || healedAt(other) < healedAt(event),
  );
