import { setTimeout as delay } from 'node:timers/promises';
import { isPresentAtEnd } from './users.ts';
import { type Holdings, holdings } from './leftovers.ts';
import type { Environment } from './environment.ts';

const LOOK_EVERY = 500;
/** Nothing may have been on the way so many times in a row. */
const QUIET_LOOKS = 3;

/** Whether everything came to rest, how long that took (milliseconds), and what was left then. */
export interface Rest {
  left: Holdings;
  tookMs: number;
  /** What was not done when patience ran out; empty when all was. */
  undone: string[];
}

/** Waits until nothing is on the way any more. @throws when broker, database or metrics stay out of reach */
export async function settle(
  environment: Environment,
  patienceMs: number,
  say: (text: string) => void,
): Promise<Rest> {
  const began = Date.now();
  for (const clientProcess of environment.clientProcesses) clientProcess.settle();
  let quiet = 0;
  for (;;) {
    const left = await holdings(environment).catch((error: unknown) => error as Error);
    const undone = left instanceof Error ? [`cannot look: ${left.message}`] : undoneIn(environment, left);
    quiet = undone.length === 0 ? quiet + 1 : 0;
    const tookMs = Date.now() - began;
    const late = tookMs > patienceMs;
    if (late && left instanceof Error) throw left;
    if (!(left instanceof Error) && (late || quiet === QUIET_LOOKS)) return { left, tookMs, undone };
    say(`settling: ${undone.join(', ') || 'quiet'}`);
    await delay(LOOK_EVERY);
  }
}

function undoneIn(
  { clientProcesses, users }: Environment,
  { mailbox, receipts, inFlight }: Holdings,
): string[] {
  const sum = (count: (counter: (typeof clientProcesses)[number]['counter']) => number) =>
    clientProcesses.reduce((total, { counter }) => total + count(counter), 0);
  const forPresent = (names: Iterable<string>) =>
    [...names].filter((name) => isPresentAtEnd(users, name.split(' ')[0] ?? '')).length;
  return [
    [sum(({ settled }) => (settled ? 0 : 1)), 'client processes still busy'],
    [sum(({ offline }) => offline), 'clients not connected'],
    [sum(({ waiting }) => waiting), 'messages whose sender waits for word'],
    [inFlight, 'in queues or at gateways'],
    [forPresent(mailbox), 'messages in mailboxes of users who are connected'],
    [forPresent(receipts.keys()), 'receipts in mailboxes of users who are connected'],
  ].flatMap(([count, what]) => (count === 0 ? [] : [`${count} ${what}`]));
}
