import { setTimeout as delay } from 'node:timers/promises';
import { signToken } from '../../stack/token.ts';
import { BackEnd } from '../clients/back-end.ts';
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

/** How messages go over HTTP: a request for each, or many in a request of NDJSON. */
export type Over = 'requests' | 'batches';

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
  /** Messages go over HTTP instead of the WebSocket. */
  over?: Over | undefined;
}

const LOGINS_AT_ONCE = 16;

export async function connect(order: PairsOrder): Promise<void> {
  const backEnds = await backEndsOf(order);
  await inParallel(order.numbers.length, LOGINS_AT_ONCE, async (n) => {
    const number = order.numbers[n] ?? 0;
    await (order.echo ? connectEcho(order) : connectPair(order, number, backEnds[number % backEnds.length]));
  });
}

/** A back end for each gateway, if messages go over HTTP. */
async function backEndsOf({ over, urls, secret, tag }: PairsOrder): Promise<BackEnd[]> {
  if (!over) return [];
  const claim = { sixfold: { as: ['*'], scopes: ['send'] } };
  const token = await signToken(secret, `back-end-${tag}`, undefined, claim);
  const fault = (what: string) => ledger.fault(what);
  return urls.map((ws) => {
    const url = ws.replace('ws', 'http').replace(/\/ws$/, '/v1/messages');
    return new BackEnd({ url, token, batches: over === 'batches', fault });
  });
}

async function connectPair(
  { tag, body, slowEvery, ...target }: PairsOrder,
  number: number,
  backEnd: BackEnd | undefined,
): Promise<void> {
  const slow = slowEvery > 0 && number % slowEvery === 0;
  const [from, to] = [`a${number}-${tag}`, `b${number}-${tag}`];
  const ends = await Promise.all([logInAs(target, from, number), logInAs(target, to, number + 1)]);
  const own = { tag: `${tag}${number}`, ledger: slow ? slowLedger : ledger };
  const over = backEnd && { backEnd, from };
  senders.push(new Sender(ends[0], { ...own, to, body, expects: 'delivered', over }));
  receive(ends[1], { ...own, slow, ordered: !over }); // requests beside each other have no order
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
