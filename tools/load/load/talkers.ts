import { setTimeout as delay } from 'node:timers/promises';
import { signToken } from '../../stack/token.ts';
import { serve } from '../serve.ts';
import { Echo } from './echo.ts';
import { type Counts, Ledger } from './ledger.ts';
import { inParallel, logIn } from './log-in.ts';
import { Receiver } from './receiver.ts';
import { Schedule } from './schedule.ts';
import { Sender } from './sender.ts';
import { LoadSocket } from './socket.ts';

/** A process full of pairs of users who write to each other; see tools/load/fleet.ts. */

const ledger = new Ledger();
/** Of the pairs whose receiver does not confirm: theirs is neither measured nor judged. */
const slowLedger = new Ledger();
/** What sends, one after the other. */
const senders: (Sender | Echo)[] = [];
let sending: NodeJS.Timeout | undefined;
let earlier: Counts = { ...ledger.counts };
let takenAt = performance.now();

/** Pairs of users, of whom this process is to play some. */
export interface PairsOrder {
  /** Addresses of the gateways; the two of a pair are at different ones, if there are two. */
  urls: string[];
  secret: string;
  /** Names no other run uses. */
  tag: string;
  /** Numbers of the pairs. */
  numbers: number[];
  body: string;
  /** Of every so many pairs one has a receiver that confirms nothing; 0 for none. */
  slowEvery: number;
}

export type EchoOrder = Pick<PairsOrder, 'tag' | 'numbers' | 'body'> & { url: string };

/** What happened since the last time. */
export interface Taken extends Counts {
  ms: number;
  /** Microseconds from when each was due. */
  latency: { accepted: Uint32Array; confirmed: Uint32Array };
  outstanding: number;
}

const LOGINS_AT_ONCE = 16;

async function connect(order: PairsOrder): Promise<void> {
  const { urls, secret, numbers, body, slowEvery } = order;
  const socketOf = async (user: string, gateway: number) =>
    logIn(urls[gateway % urls.length] ?? '', await signToken(secret, user));
  await inParallel(numbers.length, LOGINS_AT_ONCE, async (n) => {
    const number = numbers[n] ?? 0;
    const slow = slowEvery > 0 && number % slowEvery === 0;
    const tag = `${order.tag}${number}`;
    const [from, to] = [`a${number}-${order.tag}`, `b${number}-${order.tag}`];
    const ends = await Promise.all([socketOf(from, number), socketOf(to, number + 1)]);
    const own = { tag, ledger: slow ? slowLedger : ledger };
    senders.push(new Sender(ends[0], { ...own, to, body, expects: 'delivered' }));
    new Receiver(ends[1], { ...own, slow });
    // PROTOCOL: what a client must do, 5.
    for (const socket of ends) socket.send('{"type":"offline:R"}');
  });
}

/** Connections to a server that sends back what it gets. */
async function connectEcho({ url, tag, numbers, body }: EchoOrder): Promise<void> {
  const open = async () => senders.push(new Echo(await LoadSocket.open(url), { tag, body, ledger }));
  await Promise.all(numbers.map(open));
}

/** Each pair has so many messages under way: when one is confirmed, the next goes out. */
function closedLoop(outstanding: number): void {
  for (const sender of senders) {
    sender.onConfirmed = () => sender.send(performance.now());
    for (let n = 0; n < outstanding; n++) sender.send(performance.now());
  }
}

/** So many messages a second go out, pair by pair, whatever becomes of them. */
function openLoop(ratePerS: number): void {
  const schedule = new Schedule(ratePerS, performance.now());
  let next = 0;
  const send = () => {
    for (
      let due = schedule.next(performance.now());
      due !== undefined;
      due = schedule.next(performance.now())
    )
      senders[next++ % senders.length]?.send(due);
    sending = setTimeout(send, 1);
  };
  send();
}

function take(): Taken {
  const now = performance.now();
  const { sent, accepted, received, confirmed, again } = ledger.counts;
  const taken = {
    ms: now - takenAt,
    sent: sent - earlier.sent,
    accepted: accepted - earlier.accepted,
    received: received - earlier.received,
    confirmed: confirmed - earlier.confirmed,
    again: again - earlier.again,
    latency: { accepted: ledger.latency.accepted.take(), confirmed: ledger.latency.confirmed.take() },
    outstanding: ledger.outstanding,
  };
  earlier = { ...ledger.counts };
  takenAt = now;
  return taken;
}

/** Nothing more is sent. @returns what was wrong, once all is confirmed or the patience at its end */
async function stop(patienceMs: number): Promise<string[]> {
  clearTimeout(sending);
  for (const sender of senders) sender.onConfirmed = () => undefined;
  const deadline = performance.now() + patienceMs;
  while (ledger.outstanding > 0 && performance.now() < deadline) await delay(10);
  ledger.close();
  return ledger.faults;
}

const api = { connect, connectEcho, closedLoop, openLoop, take, stop };
export type TalkersApi = typeof api;
serve(api);
