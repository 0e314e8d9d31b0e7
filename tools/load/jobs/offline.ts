import { setTimeout as delay } from 'node:timers/promises';
import { Ledger } from '../clients/ledger.ts';
import { inParallel, logInAs, type Target } from '../clients/log-in.ts';
import { readMailbox } from '../clients/mailbox.ts';
import { numberOf, Sender } from '../clients/sender.ts';
import type { LoadSocket } from '../clients/socket.ts';

/** Users who write to absent users, who come later. */

export interface OfflineOrder extends Target {
  tag: string;
  body: string;
  /** Senders, and as many receivers. */
  users: number;
}

const ledger = new Ledger();
const LOGINS_AT_ONCE = 16;
const POLL_MS = 5;

let order: OfflineOrder;
const writers: { socket: LoadSocket; sender: Sender }[] = [];
/** Messages whose sender has the receipt `delivered`. */
const delivered = new Set<number>();
const fault = (what: string) => ledger.fault(what);

const logIn = (name: string, n: number) => logInAs(order, `${name}${n}-${order.tag}`, n);

export async function connect(given: OfflineOrder): Promise<void> {
  order = given;
  const { tag, body, users } = order;
  await inParallel(users, LOGINS_AT_ONCE, async (n) => {
    const socket = await logIn('a', n);
    const to = `b${n}-${tag}`;
    writers.push({ socket, sender: new Sender(socket, { to, tag, body, ledger, expects: 'stored' }) });
  });
}

/** Sends `count` messages, `outstanding` at a time for each sender, until all are stored. @returns milliseconds */
export async function store(count: number, outstanding: number, patienceMs: number): Promise<number> {
  const began = performance.now();
  for (const { sender } of writers) {
    sender.onConfirmed = () => {
      if (ledger.counts.sent < count) sender.send(performance.now());
    };
    for (let n = 0; n < outstanding && ledger.counts.sent < count; n++) sender.send(performance.now());
  }
  await complete(() => ledger.counts.confirmed === count, patienceMs);
  return performance.now() - began;
}

/** The receivers log in and pull everything. @returns milliseconds */
export async function pull(patienceMs: number): Promise<number> {
  const readers: LoadSocket[] = [];
  await inParallel(order.users, LOGINS_AT_ONCE, async (n) => void readers.push(await logIn('b', n)));
  const began = performance.now();
  for (const socket of readers)
    readMailbox(socket, {
      message: ({ id }) => void ledger.received(numberOf(id, order.tag)),
      receipt: ({ id }) => fault(`a receipt for ${id}, of a user who sent nothing`),
      fault,
    });
  await complete(() => ledger.counts.received === ledger.counts.sent, patienceMs);
  return performance.now() - began;
}

/** The senders pull the receipts of these messages. @returns milliseconds */
export async function receipts(patienceMs: number): Promise<number> {
  const began = performance.now();
  for (const { socket } of writers)
    readMailbox(socket, {
      message: ({ id }) => fault(`the message ${id}, for a user to whom nobody writes`),
      receipt: ({ id, state }) => {
        const number = numberOf(id, order.tag);
        if (state !== 'delivered' || delivered.has(number)) fault(`${id} is ${state}, again or wrongly`);
        delivered.add(number);
      },
      fault,
    });
  await complete(() => delivered.size === ledger.counts.sent, patienceMs);
  return performance.now() - began;
}

export function faults(): string[] {
  const { sent } = ledger.counts;
  ledger.close();
  if (delivered.size !== sent) fault(`${sent} were sent, ${delivered.size} of them delivered`);
  return ledger.faults;
}

/** Waits for the condition, or the first fault. */
async function complete(condition: () => boolean, patienceMs: number): Promise<void> {
  const deadline = performance.now() + patienceMs;
  while (!condition() && ledger.faults.length === 0 && performance.now() < deadline) await delay(POLL_MS);
}
