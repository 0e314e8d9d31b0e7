import type { FaultEvent } from '../history.ts';
import type { Leftovers } from '../leftovers.ts';
import type { Facts } from './facts.ts';
import { fateOf, FINAL, statesOf } from './fate.ts';
import { type Violation, violationsOf } from './guarantees.ts';
import { type Message, userOf } from './message.ts';

/** A gateway hears of a lost connection after two silent ping intervals: 4 s in a chaos run. Milliseconds. */
const NOTICED_MS = 5_000;
/** Faults that keep a gateway from hearing that a client has gone. */
const HIDING = ['freeze-gateway', 'stall-clients', 'lose-clients'];

/**
 * G3: if the sender is away the receipt waits in its mailbox. A sender that left sends nothing again, so a receipt that
 * was lost shows only here. Its gateway must have known that it had left when the receiver confirmed the message.
 */
export function checkLeftSender(
  message: Message,
  facts: Facts,
  leftovers: Leftovers,
  faults: readonly FaultEvent[],
): Violation[] {
  const isDelivered = message.confirmed.length > 0 && fateOf(message, leftovers) === 'delivered';
  if (!isDelivered || !facts.left.has(message.from)) return [];
  const leftAt = endOf(message.from, facts);
  const confirmedAt = Math.min(...message.confirmed.map(({ t }) => t));
  const isHidden = faults.some(
    ({ fault, began, healed = Infinity }) =>
      HIDING.includes(fault) && began < confirmedAt && healed + NOTICED_MS > leftAt,
  );
  const hadLeft = confirmedAt > leftAt + NOTICED_MS && !isHidden;
  const waits = statesOf(message, leftovers).some((state) => FINAL.includes(state));
  return violationsOf(message, [
    ['G3', hadLeft && !waits, 'delivered when its sender had left, and its mailbox does not say so'],
  ]);
}

/** When the last session of a user ended; Infinity if that was not seen, as when its process was killed. */
function endOf(user: string, { logins }: Facts): number {
  const ends = logins.all.filter((who) => userOf(who) === user).flatMap((who) => logins.of(who));
  return ends.reduce((last, { end }) => Math.max(last, end), 0);
}
