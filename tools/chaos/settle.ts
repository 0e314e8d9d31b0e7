import { setTimeout as delay } from 'node:timers/promises';
import type { Counter } from './clients/counter.ts';
import type { ChaosEnvironment } from './environment.ts';
import { findLeftovers, type Leftovers } from './leftovers.ts';
import { isPresentAtEnd } from './users.ts';

const LOOK_EVERY_MS = 500;
/** Looks in a row at which nothing may be undone. */
const QUIET_LOOKS = 3;

export interface Rest {
  leftovers: Leftovers;
  /** How long it took, milliseconds. */
  tookMs: number;
  /** What was not done when patience ran out; empty when all was. */
  undone: string[];
}

/** Waits until everything has come to rest. @throws when broker, database or metrics stay out of reach */
export async function settle(
  environment: ChaosEnvironment,
  patienceMs: number,
  say: (text: string) => void,
): Promise<Rest> {
  for (const process of environment.clientProcesses) process.settle();
  await environment.endpoint?.settle();
  return untilQuiet(environment, { patienceMs, say, undoneIn });
}

/**
 * Waits until the events of what the clients heard at the last moment have come: messages expire all the time, so this is
 * after the clients have ended, and their sessions with them.
 */
export function settleEvents(
  environment: ChaosEnvironment,
  patienceMs: number,
  say: (text: string) => void,
): Promise<Rest> {
  const undoneIn = (_: ChaosEnvironment, { events, inFlight, sessions }: Leftovers) =>
    counted([
      [events, 'events on their way'],
      [inFlight, 'in queues or at gateways, behind clients that have ended'],
      [sessions.size, 'sessions of clients that have ended'],
    ]);
  return untilQuiet(environment, { patienceMs, say, undoneIn });
}

interface Wait {
  patienceMs: number;
  say: (text: string) => void;
  /** What has to be done yet. */
  undoneIn: (environment: ChaosEnvironment, leftovers: Leftovers) => string[];
}

async function untilQuiet(environment: ChaosEnvironment, { patienceMs, say, undoneIn }: Wait): Promise<Rest> {
  const began = Date.now();
  for (let quiet = 0; ;) {
    const leftovers = await findLeftovers(environment).catch((error: unknown) => error as Error);
    const failed = leftovers instanceof Error;
    const undone = failed ? [`cannot look: ${leftovers.message}`] : undoneIn(environment, leftovers);
    quiet = undone.length === 0 ? quiet + 1 : 0;
    const tookMs = Date.now() - began;
    const late = tookMs > patienceMs;
    if (failed && late) throw leftovers;
    if (!failed && (late || quiet === QUIET_LOOKS)) return { leftovers, tookMs, undone };
    say(`settling: ${undone.join(', ') || 'quiet'}`);
    await delay(LOOK_EVERY_MS);
  }
}

function undoneIn({ clientProcesses, users }: ChaosEnvironment, leftovers: Leftovers) {
  const { mailbox, lookedAt, receipts, inFlight, events, devices } = leftovers;
  // Nobody gets what is of no use any more; the sweep takes it.
  const useful = [...mailbox].flatMap(([name, until]) => (until > lookedAt ? [name] : []));
  const copies = [...devices.copies].flatMap(([name, holders]) =>
    [...holders.values()].flatMap((until) => (until > lookedAt ? [name] : [])),
  );
  const onDevices = [...devices.receipts].flatMap(([name, holders]) => [...holders].map(() => name));
  const sum = (count: (counter: Counter) => number) =>
    clientProcesses.reduce((total, { counter }) => total + count(counter), 0);
  const forPresent = (names: Iterable<string>) =>
    [...names].filter((name) => isPresentAtEnd(users, name.split(' ')[0] ?? '')).length;
  return counted([
    [sum(({ settled }) => (settled ? 0 : 1)), 'client processes still busy'],
    [sum(({ offline }) => offline), 'clients not connected'],
    [sum(({ waiting }) => waiting), 'messages whose sender waits for word'],
    [inFlight, 'in queues or at gateways'],
    [events, 'events on their way'],
    [forPresent(useful), 'messages in mailboxes of users who are connected'],
    [forPresent(receipts.keys()), 'receipts in mailboxes of users who are connected'],
    [copies.length, 'messages in mailboxes of synced devices'],
    [onDevices.length, 'receipts in mailboxes of synced devices'],
    [devices.untold, 'synced devices not told what they missed'],
  ]);
}

const counted = (counts: readonly (readonly [number, string])[]) =>
  counts.flatMap(([count, what]) => (count === 0 ? [] : [`${count} ${what}`]));
