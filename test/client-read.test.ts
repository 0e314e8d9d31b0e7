import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { type Client, connect, MemoryStorage, type Receipt, type Signal } from '#libs/client/index.ts';
import { type Stack, startStack } from './harness/stack.ts';
import { until } from './harness/wait.ts';

/** The client library's read receipts and signals, on real servers. */

let stack: Stack;

beforeAll(async () => {
  stack = await startStack();
});

afterAll(() => stack.stop());

let users = 0;
const someone = (name: string) => `${name}-${++users}`;

async function online(user: string, storage = new MemoryStorage()): Promise<Client> {
  const urls = stack.gateways.map(({ url }) => url);
  const client = connect({ urls, token: await stack.token(user), storage });
  onTestFinished(() => client.close({ flushMs: 0 }));
  await client.connected();
  return client;
}

test('a message of a list that was read says so to its sender, for each receiver', async () => {
  const to = [someone('bob'), someone('carol')];
  const receivers = await Promise.all(to.map((user) => online(user)));
  for (const receiver of receivers) receiver.onMessage((message) => receiver.markRead(message));
  const alice = await online(someone('alice'));
  const message = alice.send(to, 'hi', { read: true });
  expect(await message.reached('read')).toBe('read');
  expect(message.receivers.map(({ state }) => state)).toEqual(['read', 'read']);
  const plain = alice.send(to, 'hi');
  expect(await plain.settled()).toBe('delivered');
});

test('a mark outlives the program that made it, and reaches a sender that comes back', async () => {
  const [alice, bob] = [someone('alice'), someone('bob')];
  const storage = new MemoryStorage();
  const first = await online(alice);
  const receiver = await online(bob, storage);
  const got = new Promise<Parameters<Client['markRead']>[0]>((resolve) => receiver.onMessage(resolve));
  const { id } = first.send(bob, 'hi', { read: true });
  const seen = await got;
  await first.close();
  await receiver.close();
  const offline = connect({ url: 'ws://127.0.0.1:9/ws', token: await stack.token(bob), storage });
  offline.onError(() => undefined);
  offline.markRead(seen);
  await offline.close({ flushMs: 0 });
  await online(bob, storage);
  const receipts: Receipt[] = [];
  const again = await online(alice);
  again.onReceipt((receipt) => receipts.push(receipt));
  await until(() => receipts.some(({ state }) => state === 'read'), { what: 'the read receipt' });
  expect(receipts.at(-1)).toMatchObject({ id, to: bob, state: 'read' });
  await until(async () => (await storage.load()).reads?.length === 0, { what: 'read:A' });
});

test('signals reach those who are connected, beside messages', async () => {
  const [bob, carol] = [someone('bob'), someone('carol')];
  const receiver = await online(bob);
  const got: Signal[] = [];
  receiver.onSignal((signal) => got.push(signal));
  receiver.onMessage(() => undefined);
  const name = someone('alice');
  const alice = await online(name);
  expect(alice.signal([bob, carol], { typing: true }, { thread: 'team' })).toBe(true);
  await until(() => got.length > 0, { what: 'the signal' });
  expect(got).toMatchObject([{ from: name, body: { typing: true }, thread: 'team' }]);
  expect(await alice.send(bob, 'hi').settled()).toBe('delivered');
});
