import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { SeededRandom } from '../../testkit/seeded-random.ts';
import { historyWriter, readHistory } from '../history.ts';
import { type ChaosUser, staysToTheEnd } from '../users.ts';
import { type Behaving, behave } from './behaviour.ts';
import { Counter } from './counter.ts';
import type { Command, Orders } from './orders.ts';
import type { HttpSender } from './http-sender.ts';
import type { TestClient } from './test-client.ts';

const REPORT_MS = 250;

const orders = JSON.parse(process.argv[2] ?? '') as Orders;
mkdirSync(orders.dir, { recursive: true });
const historyFile = join(orders.dir, 'history.jsonl');
const write = historyWriter(historyFile);
const counter = new Counter();
const settle = new AbortController();
/** The latest client of each user. */
const clients = new Map<ChaosUser, TestClient | HttpSender>();

const shared: Omit<Behaving, 'user' | 'random' | 'entered'> = {
  orders,
  settle: settle.signal,
  history: readHistory(historyFile),
  record: (event) => {
    write(event);
    counter.count(event);
  },
};
const behaving = orders.users.map((user, n) => {
  const random = new SeededRandom(orders.seed * 1_000 + n);
  return behave({ ...shared, user, random, entered: (client) => clients.set(user, client) });
});
const settled = Promise.all(behaving).then(() => (counter.settled = true));

/** Users who were connected at some moment. */
const arrived = new Set<ChaosUser>();

const reporting = setInterval(() => {
  const staying = [...clients].filter(([user]) => staysToTheEnd(user));
  for (const [user, client] of staying) if (client.online) arrived.add(user);
  counter.waiting = staying.reduce((sum, [, client]) => sum + client.waiting, 0);
  counter.offline = staying.filter(([, client]) => !client.online).length;
  counter.arrived = staying.every(([user]) => arrived.has(user));
  process.send?.(counter);
}, REPORT_MS);

process.on('message', (command: Command) => {
  settle.abort();
  if (command === 'end') void end();
});
process.on('disconnect', () => process.exit(1)); // the parent died

async function end(): Promise<void> {
  await settled;
  await Promise.all([...clients.values()].map((client) => client.close('orderly')));
  clearInterval(reporting);
  process.disconnect();
  process.exit(0);
}
