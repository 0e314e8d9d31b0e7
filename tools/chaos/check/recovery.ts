import type { FaultEvent } from '../history.ts';
import type { Message } from './facts.ts';

/**
 * How long a message had to wait after everything was well again, at most, milliseconds: from the moment when the
 * last fault was healed until it was handed on, where no other fault came in between.
 */
export function longestRecovery(messages: readonly Message[], faults: readonly FaultEvent[]): number {
  const heals = healedMoments(faults);
  const waits = messages.flatMap(({ accepted, handed }) => {
    const [from, to] = [accepted[0]?.t, handed[0]?.t];
    if (from === undefined || to === undefined) return [];
    return heals.filter(({ t, next }) => from < t && t < to && to < next).map(({ t }) => to - t);
  });
  return waits.reduce((longest, wait) => Math.max(longest, wait), 0);
}

/** The moments at which nothing was wrong any more, and when that was over. */
function healedMoments(faults: readonly FaultEvent[]): { t: number; next: number }[] {
  return faults.flatMap(({ healed }) => {
    if (healed === undefined) return [];
    const others = faults.filter(({ struck }) => struck <= healed);
    if (others.some(({ healed: other = Infinity }) => other > healed)) return [];
    const next = Math.min(...faults.map(({ struck }) => struck).filter((struck) => struck > healed));
    return [{ t: healed, next }];
  });
}
