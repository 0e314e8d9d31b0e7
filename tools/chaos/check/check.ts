import type { SeenEvent } from '../event-endpoint.ts';
import type { FaultEvent } from '../history.ts';
import type { Leftovers } from '../leftovers.ts';
import { checkEvents, factsIn } from './events.ts';
import type { Facts } from './facts.ts';
import { checkCopies, type Copy, copiesOf } from './copies.ts';
import { checkDeviceReceipts } from './device-receipts.ts';
import { type Fate, fateOf, statesOf } from './fate.ts';
import { checkMessage, type Violation } from './guarantees.ts';
import { byDevice, isOverHttp, type Message } from './message.ts';
import { checkOrder, checkOutboxes, checkTimes, countInversions } from './order.ts';
import { checkReading } from './reading.ts';
import { checkLeftSender } from './left-senders.ts';
import { checkMissed, missedOf } from './missed.ts';
import { recoveryOf } from './recovery.ts';
import { checkRejection, expiriesOf, markUnheard } from './rejections.ts';
import { checkRows } from './rows.ts';
import { checkSessionEvents } from './session-events.ts';
import { checkTakeover } from './takeover.ts';

/** Errors that the protocol provides for while something is down. Others are bugs. */
const HONEST_ERRORS = ['unavailable', 'rate_limited', 'window_full'];
/** Faults that let tokens expire, or their renewals come late; `unauthorized` is honest then. */
const EXPIRING = ['token-endpoint', 'clock-services', 'freeze-', 'stall-'];
const MAX_UNKNOWN = 10;

export interface Evidence {
  facts: Facts;
  faults: readonly FaultEvent[];
  leftovers: Leftovers;
  /** What had not come to rest. */
  undone: readonly string[];
  /** Processes that ended though no one asked for it. */
  crashes: readonly string[];
  /** What a back end heard; undefined where nobody wants events. */
  events: readonly SeenEvent[] | undefined;
  /** Users who are connected all the time, as far as it is up to them. */
  steady: ReadonlySet<string>;
}

export interface Verdict {
  counts: Counts;
  violations: Violation[];
}

/** Compares what clients saw with what they were promised. */
export function check(evidence: Evidence): Verdict {
  const { facts, faults, leftovers, steady, events } = evidence;
  const accepted = facts.messages.filter((message) => message.accepted.length > 0);
  const betweenSteady = accepted.filter(
    ({ from, to, ttl }) => steady.has(from) && steady.has(to) && ttl === undefined,
  );
  const order = checkOrder(facts, faults);
  const expiries = expiriesOf(facts.messages, leftovers, faults);
  markUnheard(facts, leftovers, expiries);
  const copies = copiesOf(facts, leftovers, faults);
  const violations = [
    ...accepted.flatMap((message) => [
      ...checkMessage(message, facts, leftovers),
      ...checkRejection(message, facts, leftovers, expiries),
      ...checkReading(message, leftovers),
      ...checkDeviceReceipts(message, facts, leftovers),
      ...checkLeftSender(message, facts, leftovers, faults),
    ]),
    ...checkCopies(copies, facts, leftovers),
    ...checkMissed(copies, facts, leftovers),
    ...checkRows(facts, leftovers),
    ...order.violations,
    ...checkTimes(facts),
    ...checkOutboxes(facts),
    ...checkTakeover(betweenSteady, faults),
    ...(events ? checkEvents(facts, leftovers, faults, events) : []),
    ...(events ? checkSessionEvents(facts, leftovers, faults, events) : []),
    ...checkRun(evidence),
  ];
  return { counts: countsOf(evidence, accepted, copies, order.promised), violations };
}

export type Counts = ReturnType<typeof countsOf>;

function countsOf(
  { facts, faults, leftovers, steady, events = [] }: Evidence,
  accepted: Message[],
  copies: readonly Copy[],
  orderPromised: number,
) {
  const { messages } = facts;
  const fates = Map.groupBy(accepted, (message) => fateOf(message, leftovers));
  const count = (fate: Fate) => fates.get(fate)?.length ?? 0;
  const sum = (of: (message: Message) => number) =>
    messages.reduce((total, message) => total + of(message), 0);
  const repeats = (all: readonly { who: string }[]) => all.length - byDevice(all).size;
  const wasStored = (message: Message) => statesOf(message, leftovers).includes('stored');
  const toSteady = accepted.filter(({ to }) => steady.has(to));
  return {
    sent: messages.length,
    accepted: accepted.length,
    delivered: count('delivered'),
    /** Of the delivered ones: those that waited in the mailbox before. */
    storedFirst: (fates.get('delivered') ?? []).filter(wasStored).length,
    rejected: count('rejected'),
    /** As one of several receivers. */
    listed: accepted.filter(({ list }) => list.length > 1).length,
    /** Sent by a back end. */
    overHttp: accepted.filter(({ sending }) => isOverHttp(sending)).length,
    expired: sum(({ states }) => Number(states.some(({ reason }) => reason === 'expired'))),
    read: sum((message) => Number(statesOf(message, leftovers).includes('read'))),
    inMailbox: count('in the mailbox'),
    /** Of the ledger of synced devices. */
    copies: ledgerOf(copies, missedOf(facts, leftovers)),
    inFlight: leftovers.inFlight,
    lost: count('lost'),
    duplicatesOnTheWire: sum(({ arrived }) => repeats(arrived)),
    duplicatesToApplications: sum(({ handed }) => repeats(handed.filter(({ again }) => !again))),
    /** Handed on again, and marked so, after the program was killed in the middle of the handler. */
    handedAgain: sum(({ handed }) => handed.filter(({ again }) => again).length),
    inversions: countInversions(facts),
    orderPromised,
    /** Different events, and how often any of them came. */
    events: { facts: factsIn(events), came: events.length },
    /** `waits` and `longestMs`, of receivers who are there all the time. */
    recovery: recoveryOf(toSteady, faults),
  };
}

/** What became of the copies for synced devices; `missed` as the server counted it. */
function ledgerOf(copies: readonly Copy[], missed: number) {
  const due = copies.filter(({ early }) => !early);
  const count = (fate: Copy['fate']) => due.filter((copy) => copy.fate === fate).length;
  return {
    due: due.length,
    /** Of these: of what another device of the same user sent. */
    own: due.filter(({ own }) => own).length,
    handed: count('handed'),
    waiting: count('waiting'),
    rejected: count('rejected'),
    dropped: count('dropped'),
    lost: count('lost'),
    missed,
  };
}

/** What is wrong with the run as a whole. */
function checkRun({ facts, faults, leftovers, undone, crashes }: Evidence): Violation[] {
  const expiring = faults.some(({ fault }) => EXPIRING.some((name) => fault.startsWith(name)));
  const honest = expiring ? [...HONEST_ERRORS, 'unauthorized'] : HONEST_ERRORS;
  const errors = [...facts.errors].filter(([code]) => !honest.includes(code));
  const unknown = facts.unknown.slice(0, MAX_UNKNOWN);
  const dropped = [
    ...(leftovers.dead > 0 ? [`${leftovers.dead} messages were buried in sixfold.dead`] : []),
    ...errors.map(([code, times]) => `clients were told ${code} ${times} times`),
    ...crashes,
  ];
  return [
    ...dropped.map((what): Violation => ({ guarantee: 'G6', what })),
    ...unknown.map((event): Violation => {
      return { guarantee: 'G5', what: `a message that nobody sent: ${JSON.stringify(event)}` };
    }),
    ...undone.map((what): Violation => ({ guarantee: 'G1', what: `at the end: ${what}` })),
  ];
}
