import type { FaultEvent } from '../history.ts';
import type { Message } from './facts.ts';

/** How long messages had to wait because of one kind of fault, at most, milliseconds. */
export interface Waits {
  fault: string;
  times: number;
  /** From the fault, or from msg:A if that came later, until the message was handed on. */
  sinceStruck: number;
  /** From the moment when it was healed. */
  sinceHealed: number;
}

interface Span {
  accepted: number;
  handed: number;
}

/**
 * How long a message had to wait after everything was well again, at most, milliseconds: from the moment when the
 * last fault was healed until it was handed on, where no other fault came in between.
 */
export function longestRecovery(messages: readonly Message[], faults: readonly FaultEvent[]): number {
  const spans = spansOf(messages);
  const healings = faults.filter((fault) => isAlone(fault, faults));
  return longest(
    healings.flatMap((fault) => affected(fault, faults, spans).map(({ handed }) => handed - healedAt(fault))),
  );
}

/** The same for each kind of fault, where faults came one at a time. */
export function waitsByFault(messages: readonly Message[], faults: readonly FaultEvent[]): Waits[] {
  const spans = spansOf(messages);
  return [...Map.groupBy(faults, ({ fault }) => fault)].map(([fault, events]) => {
    const waits = events.flatMap((event) =>
      affected(event, faults, spans).map(({ accepted, handed }) => ({
        sinceStruck: handed - Math.max(accepted, event.struck),
        sinceHealed: handed - healedAt(event),
      })),
    );
    return {
      fault,
      times: events.length,
      sinceStruck: longest(waits.map((wait) => wait.sinceStruck)),
      sinceHealed: longest(waits.map((wait) => wait.sinceHealed)),
    };
  });
}

const longest = (waits: readonly number[]) => waits.reduce((most, wait) => Math.max(most, wait), 0);

const healedAt = ({ healed = Infinity }: FaultEvent) => healed;

function spansOf(messages: readonly Message[]): Span[] {
  return messages.flatMap(({ accepted, handed }) => {
    const [first, last] = [accepted[0]?.t, handed[0]?.t];
    return first === undefined || last === undefined ? [] : [{ accepted: first, handed: last }];
  });
}

/** What was on the way at some moment of the fault, and was handed on before the next one. */
function affected(fault: FaultEvent, faults: readonly FaultEvent[], spans: readonly Span[]): Span[] {
  const next = Math.min(...faults.map(({ struck }) => struck).filter((struck) => struck > fault.struck));
  return spans.filter(
    ({ accepted, handed }) => accepted < healedAt(fault) && handed > fault.struck && handed < next,
  );
}

/** Whether nothing else was wrong when it was healed. */
const isAlone = (fault: FaultEvent, faults: readonly FaultEvent[]) =>
  faults.every(
    (other) => other === fault || other.struck > healedAt(fault) || healedAt(other) < healedAt(fault),
  );
