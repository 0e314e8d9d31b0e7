import type { FaultEvent } from '../history.ts';
import type { Facts, Message } from './facts.ts';
import { checkMessage, fateOf, isInMailbox, states, type Leftovers, type Violation } from './guarantees.ts';
import { checkOrder, checkTimes } from './order.ts';
import { checkOutboxes } from './outbox.ts';
import { checkTakeover } from './takeover.ts';
import { longestRecovery, type Waits, waitsByFault } from './recovery.ts';

/** Refusals that the protocol provides for while something is down. Others are somebody's mistake. */
const HONEST_ERRORS = ['unavailable', 'rate_limited', 'window_full'];
/** Faults that let tokens expire; `unauthorized` is honest then. */
const EXPIRING = ['token-endpoint', 'clock-services'];

export interface Evidence {
  facts: Facts;
  faults: readonly FaultEvent[];
  leftovers: Leftovers & { inFlight: number; dead: number };
  /** What had not come to rest. */
  undone: readonly string[];
  /** Processes that ended though nobody had asked for it. */
  crashes: readonly string[];
  /** Users who are connected all the time, as far as it is up to them. */
  steady: ReadonlySet<string>;
}

/** Counts of a run. */
export interface Counts {
  sent: number;
  accepted: number;
  delivered: number;
  /** Of the delivered ones: those that waited in the mailbox before. */
  storedFirst: number;
  rejected: number;
  inMailbox: number;
  inFlight: number;
  lost: number;
  duplicatesOnTheWire: number;
  duplicatesToApplications: number;
  /** Handed on once more, and marked so, after the program was killed while the application was at work on it. */
  handedAgain: number;
  inversions: number;
  orderPromised: number;
  longestRecoveryMs: number;
  /** Of receivers who are there all the time; says something where faults came one at a time. */
  waits: Waits[];
}

export interface Verdict {
  counts: Counts;
  violations: Violation[];
}

/** Compares what clients saw with what was promised to them. */
export function check(evidence: Evidence): Verdict {
  const { facts, faults, leftovers } = evidence;
  const accepted = facts.messages.filter((message) => message.accepted.length > 0);
  const toSteady = accepted.filter(({ to }) => evidence.steady.has(to));
  const order = checkOrder(facts, faults);
  const violations = [
    ...accepted.flatMap((message) => checkMessage(message, facts, leftovers)),
    ...order.violations,
    ...checkTimes(facts),
    ...checkOutboxes(facts),
    ...checkTakeover(facts, faults, evidence.steady),
    ...general(evidence),
    ...unknownRows(evidence),
  ];
  const fates = Map.groupBy(accepted, (message) => fateOf(message, leftovers));
  const count = (fate: ReturnType<typeof fateOf>) => fates.get(fate)?.length ?? 0;
  const sum = (of: (message: Message) => number) =>
    facts.messages.reduce((total, message) => total + of(message), 0);
  const counts: Counts = {
    sent: facts.messages.length,
    accepted: accepted.length,
    delivered: count('delivered'),
    storedFirst: (fates.get('delivered') ?? []).filter((m) => states(m, leftovers).includes('stored')).length,
    rejected: count('rejected'),
    inMailbox: count('in the mailbox'),
    inFlight: leftovers.inFlight,
    lost: count('lost'),
    duplicatesOnTheWire: sum(({ arrived }) => Math.max(0, arrived.length - devices(arrived))),
    duplicatesToApplications: sum(({ handed }) => {
      const fresh = handed.filter(({ again }) => !again);
      return fresh.length - devices(fresh);
    }),
    handedAgain: sum(({ handed }) => handed.filter(({ again }) => again).length),
    inversions: order.inversions,
    orderPromised: order.promised,
    longestRecoveryMs: longestRecovery(toSteady, faults),
    waits: waitsByFault(toSteady, faults),
  };
  return { counts, violations };
}

const devices = (sayings: readonly { who: string }[]) => new Set(sayings.map(({ who }) => who)).size;

/** What is wrong with the run as a whole. */
function general({ facts, faults, leftovers, undone, crashes }: Evidence): Violation[] {
  const violations: Violation[] = [];
  const expiring = faults.some(({ fault }) => EXPIRING.some((name) => fault.startsWith(name)));
  const honest = expiring ? [...HONEST_ERRORS, 'unauthorized'] : HONEST_ERRORS;
  if (leftovers.dead > 0)
    violations.push({ guarantee: 'G6', what: `${leftovers.dead} messages were buried in sixfold.dead` });
  for (const [code, times] of facts.errors)
    if (!honest.includes(code))
      violations.push({ guarantee: 'G6', what: `clients were told ${code} ${times} times` });
  for (const event of facts.unheardOf.slice(0, 10))
    violations.push({ guarantee: 'G5', what: `a message that nobody sent: ${JSON.stringify(event)}` });
  for (const what of undone) violations.push({ guarantee: 'G1', what: `at the end: ${what}` });
  for (const what of crashes) violations.push({ guarantee: 'G6', what });
  return violations;
}

/** The database holds nothing that nobody sent. What an accepted message lacks in the ledger is counted as lost. */
function unknownRows({ facts, leftovers }: Evidence): Violation[] {
  const known = facts.messages.filter((message) => isInMailbox(message, leftovers)).length;
  const rows = leftovers.mailbox.size;
  if (known === rows) return [];
  return [{ guarantee: 'G6', what: `${rows} messages in mailboxes, and clients know of ${known}` }];
}
