import type { FaultEvent } from '../history.ts';
import type { Facts, Message } from './facts.ts';
import type { Violation } from './guarantees.ts';
import { isCalm } from './order.ts';

/** Faults of one instance whose work the others can do. */
const OTHERS_CAN = ['cut-database'];
/** How long a message may wait until they do, milliseconds: patient, the machine may be busy. */
const TAKEOVER_MS = 12_000;

/**
 * An instance that is cut off from the database gives its work up to those that are not. Looks at messages between
 * users who are there all the time, and where nothing else was wrong.
 */
export function checkTakeover(
  { messages }: Facts,
  faults: readonly FaultEvent[],
  steady: ReadonlySet<string>,
): Violation[] {
  const between = messages.filter(({ from, to }) => steady.has(from) && steady.has(to));
  return faults
    .filter(({ fault }) => OTHERS_CAN.includes(fault))
    .flatMap((event) => {
      const others = faults.filter((fault) => fault !== event);
      const end = event.healed ?? Infinity;
      return between.flatMap((message) => waitedFor(message, event.struck, end, others));
    });
}

function waitedFor(message: Message, from: number, to: number, others: readonly FaultEvent[]): Violation[] {
  const accepted = message.accepted[0]?.t ?? Infinity;
  const due = accepted + TAKEOVER_MS;
  if (accepted < from || due > to || !isCalm(others, from, due)) return [];
  const wait = (what: string, done = Infinity): Violation[] =>
    done <= due ? [] : [{ guarantee: 'G1', what: `${what} though another instance could`, message }];
  return [
    ...wait('not handed on in time', message.handed[0]?.t),
    ...wait('its sender heard nothing in time', message.words[0]?.t),
  ];
}
