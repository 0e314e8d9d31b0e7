import { setTimeout as delay } from 'node:timers/promises';
import { Ledger } from '../clients/ledger.ts';
import { inParallel, logInAs, type Target } from '../clients/log-in.ts';
import { sendAtRate } from '../clients/schedule.ts';
import { receive, Sender } from '../clients/sender.ts';
import { LoadSocket } from '../clients/socket.ts';

/** Pairs of users who write to each other; see tools/load/generators.ts. */

const ledger = new Ledger();
/** Of pairs whose receiver confirms nothing: these are neither measured nor checked. */
const slowLedger = new Ledger();
const senders: Sender[] = [];
let sending: NodeJS.Timeout | undefined;
let earlier = { ...ledger.counts };
let takenAt = performance.now();

export interface PairsOrder extends Target {
  /** Names no other run uses. */
  tag: string;
  /** Numbers of the pairs that this process plays. The two of a pair use different gateways, if there are two. */
  numbers: number[];
  body: string;
  /** One pair of this many has a receiver that confirms nothing; 0 for none. */
  slowEvery: number;
  /** Instead of pairs: connections to a server that sends back what it gets. */
  echo?: boolean;
}

const LOGINS_AT_ONCE = 16;

export async function connect(order: PairsOrder): Promise<void> {
  await inParallel(order.numbers.length, LOGINS_AT_ONCE, async (n) => {
    const number = order.numbers[n] ?? 0;
    await (order.echo ? connectEcho(order) : connectPair(order, number));
  });
}

async function connectPair({ tag, body, slowEvery, ...target }: PairsOrder, number: number): Promise<void> {
  const slow = slowEvery > 0 && number % slowEvery === 0;
  const [from, to] = [`a${number}-${tag}`, `b${number}-${tag}`];
  const ends = await Promise.all([logInAs(target, from, number), logInAs(target, to, number + 1)]);
  const own = { tag: `${tag}${number}`, ledger: slow ? slowLedger : ledger };
  senders.push(new Sender(ends[0], { ...own, to, body, expects: 'delivered' }));
  receive(ends[1], { ...own, slow });
  // PROTOCOL: what a client must do, 5.
  for (const socket of ends) socket.send('{"type":"offline:R"}');
}

async function connectEcho({ urls: [url = ''], tag, body }: PairsOrder): Promise<void> {
  senders.push(new Sender(await LoadSocket.open(url), { to: tag, tag, body, ledger, expects: 'echo' }));
}

/** Each pair has this many messages under way: when one is confirmed, the next goes out. */
export function closedLoop(outstanding: number): void {
  for (const sender of senders) {
    sender.onConfirmed = () => sender.send(performance.now());
    for (let n = 0; n < outstanding; n++) sender.send(performance.now());
  }
}

/** Messages go out at this rate, pair by pair, regardless of earlier ones. */
export function openLoop(ratePerS: number): void {
  let next = 0;
  sending = sendAtRate(ratePerS, (due) => senders[next++ % senders.length]?.send(due));
}

/** What happened since the last time; latencies in microseconds from when each message was due. */
export function take() {
  const now = performance.now();
  const { sent, confirmed, again } = ledger.counts;
  const taken = {
    ms: now - takenAt,
    sent: sent - earlier.sent,
    confirmed: confirmed - earlier.confirmed,
    again: again - earlier.again,
    outstanding: sent - confirmed,
    latency: ledger.latency.confirmed.take(),
    accepted: ledger.latency.accepted.take(),
  };
  earlier = { ...ledger.counts };
  takenAt = now;
  return taken;
}

/** Sends nothing more, and waits for confirmations. @returns faults */
export async function stop(patienceMs: number): Promise<string[]> {
  clearInterval(sending);
  for (const sender of senders) sender.onConfirmed = () => undefined;
  const deadline = performance.now() + patienceMs;
  while (ledger.counts.sent > ledger.counts.confirmed && performance.now() < deadline) await delay(10);
  ledger.close();
  return ledger.faults;
}
