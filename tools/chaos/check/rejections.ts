import { SHORT_TTL } from '../clients/drafts.ts';
import type { FaultEvent } from '../history.ts';
import type { Leftovers } from '../leftovers.ts';
import type { Facts } from './facts.ts';
import { tellingsOf, waitingUntil } from './fate.ts';
import { type Rule, type Violation, violationsOf } from './guarantees.ts';
import type { Arrival, Message } from './message.ts';
import { isCalm } from './order.ts';

/** How late a busy machine may be, and by how much clocks that nobody touches may differ, milliseconds. */
const LATE_MS = 1_500;
const EARLY_MS = 500;
/** PROTOCOL: ttl: the sender is told within 60 s; longer here, something may be down. Milliseconds. */
const TOLD_WITHIN_MS = 120_000;

/** Faults that hold things up on their way, or after which the servers' clocks say nothing. */
const BLURRING = /^(clock-services|freeze|stall|lose)/;

/** What the checks of one message need to know of all others. */
export interface Expiries {
  /** Faults after which times say little. */
  blurring: readonly FaultEvent[];
  /** Number of messages to each receiver that expired. */
  expiredTo: ReadonlyMap<string, number>;
}

const isExpiry = ({ state, reason }: { state: string; reason: string | undefined }) =>
  state === 'rejected' && reason === 'expired';

export function expiriesOf(
  messages: readonly Message[],
  leftovers: Leftovers,
  faults: readonly FaultEvent[],
): Expiries {
  const expiredTo = new Map<string, number>();
  for (const message of messages)
    if (tellingsOf(message, leftovers).some(isExpiry))
      expiredTo.set(message.to, (expiredTo.get(message.to) ?? 0) + 1);
  const blurring = faults.filter(({ fault }) => BLURRING.test(fault));
  return { blurring, expiredTo };
}

/** No one empties the mailbox of a user who left, so it stays full; but messages in it expire. */
function isFull({ to }: Message, { left }: Facts, { held, quota }: Leftovers, { expiredTo }: Expiries) {
  return left.has(to) && (held.get(to) ?? 0) + (expiredTo.get(to) ?? 0) >= quota;
}

/** A live ack:N is lost if its connection breaks. A sender who leaves does not ask again, nor for what expired since. */
export function markUnheard(facts: Facts, leftovers: Leftovers, expiries: Expiries): void {
  for (const message of facts.messages) {
    const { from, ttl = Infinity } = message;
    const asks = !facts.left.has(from) && ttl > SHORT_TTL.max;
    message.unheard = !asks && isFull(message, facts, leftovers, expiries);
  }
}

/** G3 and G6 for what was rejected, or should have been: a full mailbox, or its time was over. */
export function checkRejection(
  message: Message,
  facts: Facts,
  leftovers: Leftovers,
  expiries: Expiries,
): Violation[] {
  const { ttl, handed } = message;
  const rejections = tellingsOf(message, leftovers).filter(({ state }) => state === 'rejected');
  const full = rejections.some((rejection) => !isExpiry(rejection));
  const expired = rejections.some(isExpiry);
  const wasFull = isFull(message, facts, leftovers, expiries);
  return violationsOf(message, [
    ['G3', full && handed.length > 0, 'rejected, and delivered all the same'],
    ['G3', full && !wasFull, 'rejected, and the mailbox of its receiver was not full'],
    ['G3', expired && ttl === undefined, 'rejected as expired, and it had no ttl'],
    ...(ttl === undefined ? [] : timeRules(message, ttl * 1_000, leftovers, expiries)),
  ]);
}

function timeRules(message: Message, ttlMs: number, leftovers: Leftovers, { blurring }: Expiries): Rule[] {
  const { requested, states, sending } = message;
  const { lookedAt } = leftovers;
  const arrived = [...message.arrived, ...(sending.list[0] === message ? sending.ownArrived : [])];
  const first = requested[0]?.t ?? 0;
  const early = states.find(
    (state) =>
      isExpiry(state) && state.at + EARLY_MS < first + ttlMs && isCalm(blurring, message.sentAt, state.t),
  );
  const late = arrived.find((arrival) => isLate(arrival, ttlMs) && isCalm(blurring, first, arrival.t));
  const over = Math.min(...waitingUntil(message, leftovers));
  const forgotten = over + TOLD_WITHIN_MS < lookedAt && isCalm(blurring, over, lookedAt);
  return [
    ['G3', early !== undefined, 'rejected as expired before its time was over'],
    ['G3', late !== undefined, 'handed out after its time was over'],
    ['G6', forgotten, 'its time is over for long, and its sender has not been told'],
  ];
}

/** By the `at` of this very copy: the server keeps that of the first one where two meet. */
const isLate = ({ at, t }: Arrival, ttlMs: number) => t > at + ttlMs + LATE_MS;
