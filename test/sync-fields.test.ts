import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ServiceHandle } from '../tools/testkit/service-handle.ts';
import { emptyMailbox } from './harness/mailbox.ts';
import { connectAs, isHint } from './harness/raw-client.ts';
import { receiptInMailbox } from './harness/receipts.ts';
import { type Stack, startStack } from './harness/stack.ts';
import { connectDevice, copiesOf, registerAway } from './harness/synced.ts';
import { until } from './harness/wait.ts';

/** PROTOCOL, sync: what comes with a copy, whose it is, and what comes of reading it. */

let stack: Stack;
let one: ServiceHandle;
let two: ServiceHandle;

beforeAll(async () => {
  stack = await startStack();
  [one, two] = stack.gateways as [ServiceHandle, ServiceHandle];
});

afterAll(() => stack.stop());

const FIELDS = { body: { n: 1 }, seq: 7, thread: 'g:1' };
const ASKED = { ...FIELDS, read: true, ttl: 600 } as const;

test('a copy in the mailbox of a device has all fields of its message, also one that came back', async () => {
  await using alice = await connectAs(stack, one, 'alice-1');
  await registerAway(stack, 'bob-1', 'phone');
  const laptop = await connectDevice(stack, two, 'bob-1', 'laptop');
  alice.send({ type: 'msg:R', id: 'm', to: 'bob-1', ...ASKED });
  const { at } = await alice.next('msg:A', { id: 'm' });
  const live = await laptop.next('msg:N', { id: 'm' });
  expect(live).toMatchObject({ id: 'm', from: 'alice-1', at, ...FIELDS });
  expect(live.read).toMatch(/^.{1,64}$/);
  await laptop.close();
  await alice.next('ack:N', { id: 'm', state: 'stored' });
  for (const device of ['phone', 'laptop']) {
    await using client = await connectDevice(stack, one, 'bob-1', device);
    const [message] = (await client.pull()).messages;
    expect({ ...message, type: 'msg:N' }).toEqual({ key: message?.key, ...live });
  }
});

test('a retransmission adds no copy, and the first `at` stays, from which its time counts', async () => {
  await using alice = await connectAs(stack, one, 'alice-2');
  await registerAway(stack, 'bob-2', 'phone', 'laptop');
  const accepted: number[] = [];
  for (let n = 0; n < 2; n++) {
    alice.send({ type: 'msg:R', id: 'm', to: 'bob-2', ...ASKED });
    accepted.push((await alice.next('msg:A', { id: 'm' })).at);
    await alice.next('ack:N', { id: 'm', state: 'stored' });
  }
  const [first = 0, second = 0] = accepted;
  expect(second).toBeGreaterThan(first);
  const rows = await stack.sql('SELECT at, expires FROM device_messages WHERE recipient = $1', ['bob-2']);
  expect(rows).toEqual([{ at: String(first), expires: String(first + ASKED.ttl * 1_000) }]);
  expect((await copiesOf(stack, 'bob-2')).sort()).toEqual(['laptop m', 'phone m']);
});

test('a read receipt comes to every synced device of the sender, through its mailbox', async () => {
  await registerAway(stack, 'ann-3', 'tablet');
  await using phone = await connectDevice(stack, one, 'ann-3', 'phone');
  await using laptop = await connectDevice(stack, two, 'ann-3', 'laptop', true);
  await using bob = await connectDevice(stack, two, 'bob-3', 'desk', true);
  phone.send({ type: 'msg:R', id: 'm', to: 'bob-3', ...ASKED });
  const { read = '', from } = await bob.next('msg:N', { id: 'm' });
  await phone.next('ack:N', { id: 'm', state: 'delivered' });
  bob.send({ type: 'read:R', items: [{ from, id: 'm', read }] });
  await bob.next('read:A');
  for (const device of [phone, laptop])
    expect(await receiptInMailbox(device, { id: 'm', state: 'read' })).toMatchObject({ to: 'bob-3' });
  await using tablet = await connectDevice(stack, one, 'ann-3', 'tablet');
  expect((await emptyMailbox(tablet)).receipts).toMatchObject([{ id: 'm', to: 'bob-3', state: 'read' }]);
  for (const device of [phone, laptop, tablet]) expect(device.all('ack:N', { state: 'read' })).toEqual([]);
});

test('a key confirms nothing in the mailbox of another device, of another user, or for a session that is not synced', async () => {
  await using alice = await connectAs(stack, one, 'alice-4');
  await registerAway(stack, 'bob-4', 'phone', 'laptop');
  alice.msg('bob-4', 'm');
  await alice.next('ack:N', { id: 'm', state: 'stored' });
  await using phone = await connectDevice(stack, one, 'bob-4', 'phone');
  const keys = (await phone.pull()).messages.map(({ key }) => key);
  expect(keys).toHaveLength(1);
  await using laptop = await connectDevice(stack, two, 'bob-4', 'laptop');
  await using web = await connectAs(stack, two, 'bob-4', { device: 'web' });
  await using mallory = await connectDevice(stack, two, 'mallory-4', 'phone');
  for (const other of [laptop, web, mallory]) {
    other.send({ type: 'offline:A', keys });
    await other.pull(); // comes after that
  }
  expect((await copiesOf(stack, 'bob-4')).sort()).toEqual(['laptop m', 'phone m']);
  phone.send({ type: 'offline:A', keys });
  await until(async () => (await copiesOf(stack, 'bob-4')).join() === 'laptop m', { what: 'its own to go' });
  await alice.next('offline:N', isHint);
});
