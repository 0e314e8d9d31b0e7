import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { type Client, connect, type IncomingMessage, MemoryStorage } from '#libs/client/index.ts';
import { type Stack, startStack } from './harness/stack.ts';
import { until } from './harness/wait.ts';

/** The client library on synced devices, with real servers. */

const QUOTA = 3;

let stack: Stack;

beforeAll(async () => {
  stack = await startStack({ env: { MAILBOX_QUOTA: String(QUOTA), MAX_DEVICES: '2' } });
});

afterAll(() => stack.stop());

let users = 0;
const someone = (name: string) => `${name}-${++users}`;

/** A device, and what its application got. */
class Device {
  readonly client: Client;
  readonly got: IncomingMessage[] = [];
  readonly receipts: string[] = [];
  missed = 0;

  constructor(client: Client) {
    this.client = client;
    client.onMessage((message) => this.got.push(message));
    client.onReceipt(({ id, to, state }) => this.receipts.push(`${id} ${to} ${state}`));
    client.onMissed(({ count }) => (this.missed += count));
  }

  static async of(user: string, device: string, storage = new MemoryStorage(), sync = true): Promise<Device> {
    const urls = stack.gateways.map(({ url }) => url);
    const made = new Device(connect({ urls, token: await stack.token(user), device, storage, sync }));
    onTestFinished(() => made.client.close({ flushMs: 0 }));
    await made.client.connected();
    return made;
  }
}

const bodies = ({ got }: Device) => got.map(({ body }) => body);

test('every device gets every message once, also one that was away, and what the others sent', async () => {
  const [alice, bob] = [someone('alice'), someone('bob')];
  const storage = new MemoryStorage();
  const phone = await Device.of(bob, 'phone');
  const laptop = await Device.of(bob, 'laptop', storage);
  const sender = await Device.of(alice, 'default', undefined, false);
  expect(await sender.client.send(bob, 1).settled()).toBe('delivered');
  await until(() => laptop.got.length === 1, { what: 'the first on the laptop' });
  await laptop.client.close();
  expect(await sender.client.send(bob, 2).settled()).toBe('delivered');
  const answer = phone.client.send([alice], 3, { id: 'answer' });
  expect(await answer.settled()).toBe('delivered');
  const again = await Device.of(bob, 'laptop', storage);
  await until(() => again.got.length === 2, { what: 'the rest on the laptop' });
  expect(again.got).toMatchObject([
    { from: alice, body: 2 },
    { from: bob, to: [alice], own: true, id: 'answer', body: 3 },
  ]);
  await until(() => again.receipts.includes(`answer ${alice} delivered`), { what: 'the receipt' });
  expect(bodies(phone)).toEqual([1, 2]);
  expect(bodies(sender)).toEqual([3]);
});

test('a device whose mailbox was full is told how many messages it missed', async () => {
  const [alice, bob] = [someone('alice'), someone('bob')];
  const storage = new MemoryStorage();
  const phone = await Device.of(bob, 'phone');
  await (await Device.of(bob, 'laptop', storage)).client.close();
  const sender = await Device.of(alice, 'default', undefined, false);
  for (let n = 1; n <= QUOTA + 2; n++) {
    expect(await sender.client.send(bob, n).settled()).toBe('delivered');
  }
  expect(phone.got.length).toBe(QUOTA + 2);
  const laptop = await Device.of(bob, 'laptop', storage);
  await until(() => laptop.missed > 0 && laptop.got.length === QUOTA, { what: 'the count' });
  expect(laptop.missed).toBe(2);
  expect(bodies(laptop)).toEqual([1, 2, 3]);
});

test('a device that signs out is forgotten by the server, and makes room for another', async () => {
  const bob = someone('bob');
  const storage = new MemoryStorage();
  const phone = await Device.of(bob, 'phone', storage);
  await Device.of(bob, 'laptop');
  const urls = stack.gateways.map(({ url }) => url);
  const refused = connect({ urls, token: await stack.token(bob), device: 'tablet', sync: true });
  const codes: unknown[] = [];
  refused.onError(({ serverCode }) => codes.push(serverCode));
  await expect(refused.connected()).rejects.toMatchObject({ code: 'closed' });
  expect(codes).toEqual(['too_many_devices']);
  expect(refused.status).toMatchObject({ state: 'closed', code: 4403 });
  await phone.client.signOut();
  expect(phone.client.status).toMatchObject({ state: 'closed', reason: 'signed_out' });
  expect(await storage.load()).toEqual({ outbox: [], inbox: [], reads: [] });
  refused.reconnect();
  expect(await refused.connected()).toMatchObject({ sync: true });
  await refused.close();
});
