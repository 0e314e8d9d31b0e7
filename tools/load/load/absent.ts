import { setTimeout as delay } from 'node:timers/promises';
import { signToken } from '../../stack/token.ts';
import { serve } from '../serve.ts';
import { Ledger } from './ledger.ts';
import { inParallel, logIn } from './log-in.ts';
import { readMailbox } from './mailbox.ts';
import { numberOf, Sender } from './sender.ts';
import type { LoadSocket } from './socket.ts';

/** A process full of users who write to others that are away and come later. */

export interface AbsentOrder {
  urls: string[];
  secret: string;
  tag: string;
  body: string;
  /** Senders, and as many receivers. */
  users: number;
}

/** A part of the work that was done: so long it took. */
export interface Done {
  ms: number;
  latency: Uint32Array;
}

const ledger = new Ledger();
const LOGINS_AT_ONCE = 16;
const POLL_MS = 5;

let order: AbsentOrder;
const writers: { socket: LoadSocket; sender: Sender }[] = [];
/** Messages of which the sender learned at last that they are delivered. */
const delivered = new Set<number>();

const logInAs = async (name: string, n: number) =>
  logIn(order.urls[n % order.urls.length] ?? '', await signToken(order.secret, `${name}${n}-${order.tag}`));

async function connect(given: AbsentOrder): Promise<void> {
  order = given;
  const { tag, body, users } = order;
  await inParallel(users, LOGINS_AT_ONCE, async (n) => {
    const socket = await logInAs('a', n);
    const to = `b${n}-${tag}`;
    writers.push({ socket, sender: new Sender(socket, { to, tag, body, ledger, expects: 'stored' }) });
  });
}

/** Sends so many messages in all, some at a time for each sender, until all are stored. */
async function store(count: number, outstanding: number, patienceMs: number): Promise<Done> {
  const began = performance.now();
  for (const { sender } of writers) {
    sender.onConfirmed = () => {
      if (ledger.counts.sent < count) sender.send(performance.now());
    };
    for (let n = 0; n < outstanding && ledger.counts.sent < count; n++) sender.send(performance.now());
  }
  await done(() => ledger.counts.confirmed === count, patienceMs);
  return { ms: performance.now() - began, latency: ledger.latency.confirmed.take() };
}

/** The receivers come and take everything. */
async function pull(patienceMs: number): Promise<Done> {
  const readers: LoadSocket[] = [];
  await inParallel(order.users, LOGINS_AT_ONCE, async (n) => void readers.push(await logInAs('b', n)));
  const began = performance.now();
  for (const socket of readers)
    readMailbox(socket, {
      message: ({ id }) => void ledger.received(numberOf(id, order.tag)),
      receipt: ({ id }) => ledger.fault(`a receipt for ${id}, of one who sent nothing`),
      fault: (what) => ledger.fault(what),
    });
  await done(() => ledger.counts.received === ledger.counts.sent, patienceMs);
  return { ms: performance.now() - began, latency: new Uint32Array() };
}

/** The senders take the receipts that this brought. */
async function receipts(patienceMs: number): Promise<Done> {
  const began = performance.now();
  for (const { socket } of writers)
    readMailbox(socket, {
      message: ({ id }) => ledger.fault(`the message ${id}, for one to whom nobody writes`),
      receipt: ({ id, state }) => {
        const number = numberOf(id, order.tag);
        if (state !== 'delivered' || delivered.has(number)) ledger.fault(`${id} is ${state}, once more`);
        delivered.add(number);
      },
      fault: (what) => ledger.fault(what),
    });
  await done(() => delivered.size === ledger.counts.sent, patienceMs);
  return { ms: performance.now() - began, latency: new Uint32Array() };
}

/** @returns what was wrong */
function faults(): string[] {
  const { sent } = ledger.counts;
  ledger.close();
  if (delivered.size !== sent) ledger.fault(`${sent} were sent, ${delivered.size} of them delivered`);
  return ledger.faults;
}

/** Waits, as long as nothing is wrong. */
async function done(condition: () => boolean, patienceMs: number): Promise<void> {
  const deadline = performance.now() + patienceMs;
  while (!condition() && ledger.faults.length === 0 && performance.now() < deadline) await delay(POLL_MS);
}

const api = { connect, store, pull, receipts, faults };
export type AbsentApi = typeof api;
serve(api);
