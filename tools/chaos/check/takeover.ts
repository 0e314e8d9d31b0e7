import type { FaultEvent } from '../history.ts';
import type { Message } from './message.ts';
import type { Violation } from './guarantees.ts';
import { isCalm } from './order.ts';

/** Faults of one instance whose work others can do. */
const OTHERS_CAN = ['cut-database'];
/** How long a message may wait until they do, milliseconds: long, the machine may be busy. */
const TAKEOVER_MS = 12_000;

/**
 * An instance that is cut off from the database gives its work to those that are not.
 * @param messages between users who are there all the time
 */
export function checkTakeover(messages: readonly Message[], faults: readonly FaultEvent[]): Violation[] {
  return faults
    .filter(({ fault }) => OTHERS_CAN.includes(fault))
    .flatMap((event) => {
      const others = faults.filter((fault) => fault !== event);
      return messages.flatMap((message) => {
        const accepted = message.accepted[0]?.t ?? Infinity;
        const due = accepted + TAKEOVER_MS;
        const { began, healed = Infinity } = event;
        return accepted < began || due > healed || !isCalm(others, began, due) ? [] : late(message, due);
      });
    });
}

function late(message: Message, due: number): Violation[] {
  const { handed, states } = message;
  const first = (all: readonly { t: number }[]) => Math.min(...all.map(({ t }) => t));
  return [
    ...(first(handed) > due ? ['not handed on in time'] : []),
    ...(first(states) > due ? ['its sender heard nothing in time'] : []),
  ].map((what) => ({ guarantee: 'G1', what: `${what} though another instance could`, message }));
}
