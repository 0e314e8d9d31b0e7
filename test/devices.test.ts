import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { OfflineMessage } from '#libs/protocol/server-packets.ts';
import { emptyMailbox } from './harness/mailbox.ts';
import { connectAs, connectRaw, isHint, type RawClient } from './harness/raw-client.ts';
import type { ServiceHandle } from '../tools/testkit/service-handle.ts';
import { type Stack, startStack } from './harness/stack.ts';
import { until } from './harness/wait.ts';

/** One user on several devices, and one device that connects again. */

const ACK_TIMEOUT_MS = 1_500;

let stack: Stack;
let one: ServiceHandle;
let two: ServiceHandle;

beforeAll(async () => {
  stack = await startStack({ env: { ACK_TIMEOUT_MS: String(ACK_TIMEOUT_MS) } });
  [one, two] = stack.gateways as [ServiceHandle, ServiceHandle];
});

afterAll(() => stack.stop());

const ids = (count: number) => Array.from({ length: count }, (_, n) => `m${n}`);
const idsOf = (entries: { id: string }[]) => entries.map(({ id }) => id);
const ack = (client: RawClient, from: string, id: string) => client.send({ type: 'ack:R', from, id });

const mailboxOf = (user: string) =>
  stack.sql('SELECT id FROM offline_messages WHERE recipient = $1 ORDER BY key', [user]);

const inFlightAt = async (gateway: ServiceHandle) =>
  (await stack.metrics(gateway)).value('sixfold_inflight_messages');

/** Sum over all routing instances. */
async function returned(reason: string): Promise<number> {
  const all = await Promise.all(stack.routing.map((service) => stack.metrics(service)));
  return all.reduce((sum, metrics) => sum + metrics.value('sixfold_returned_total', { reason }), 0);
}

describe('two devices of one user', () => {
  test('both get a message, and the first that confirms settles it for both', async () => {
    await using alice = await connectAs(stack, one, 'alice-1');
    await using phone = await connectAs(stack, one, 'bob-1', { device: 'phone' });
    await using laptop = await connectAs(stack, two, 'bob-1', { device: 'laptop' });
    const returnedBefore = await returned('ack_timeout');
    alice.msg('bob-1', 'both', { n: 1 }, 2);
    const onPhone = await phone.next('msg:N');
    expect(onPhone).toMatchObject({ id: 'both', from: 'alice-1', body: { n: 1 }, seq: 2 });
    expect(await laptop.next('msg:N')).toEqual(onPhone);

    ack(phone, 'alice-1', 'both');
    await phone.next('ack:A', { id: 'both' });
    await alice.next('ack:N', { id: 'both', state: 'delivered' });
    await until(async () => (await inFlightAt(two)) === 0, { what: "the laptop's copy to be settled" });

    // A message that nobody answers, at the same gateway and younger: when its time is over, so was the other's.
    await using carol = await connectAs(stack, two, 'carol-1');
    alice.msg('carol-1', 'unanswered');
    await carol.next('msg:N');
    await alice.next('ack:N', { id: 'unanswered', state: 'stored' });
    expect(await returned('ack_timeout')).toBe(returnedBefore + 1);
    expect(alice.all('ack:N', { id: 'both' }).map(({ state }) => state)).toEqual(['delivered']);
    expect(await mailboxOf('bob-1')).toEqual([]);
    for (const device of [phone, laptop])
      expect(await device.pull()).toMatchObject({ messages: [], receipts: [], more: false });

    ack(laptop, 'alice-1', 'both'); // its application has the message as well; nothing comes of it
    await laptop.next('ack:A', { id: 'both' });
    expect(laptop.all('error')).toEqual([]);
  });

  test('one that logs in while messages come gets those that follow', async () => {
    await using alice = await connectAs(stack, one, 'alice-late');
    await using phone = await connectAs(stack, one, 'bob-late', { device: 'phone', autoAck: true });
    for (const id of ['before-1', 'before-2']) {
      alice.msg('bob-late', id);
      await alice.next('ack:N', { id, state: 'delivered' });
    }
    await using laptop = await connectAs(stack, two, 'bob-late', { device: 'laptop' });
    alice.msg('bob-late', 'after');
    await laptop.next('msg:N', { id: 'after' });
    await phone.next('msg:N', { id: 'after' });
  });

  test('may both confirm, at the same moment', async () => {
    await using alice = await connectAs(stack, one, 'alice-2');
    const devices = [
      await connectAs(stack, one, 'bob-2', { device: 'phone', autoAck: true }),
      await connectAs(stack, two, 'bob-2', { device: 'laptop', autoAck: true }),
    ];
    for (const id of ids(30)) alice.msg('bob-2', id);
    for (const id of ids(30)) {
      await alice.next('ack:N', { id, state: 'delivered' });
      for (const device of devices) await device.next('ack:A', { id });
    }
    for (const device of devices) expect(idsOf(device.all('msg:N'))).toEqual(ids(30));
    expect(alice.all('ack:N').every(({ state }) => state === 'delivered')).toBe(true);
    expect(await mailboxOf('bob-2')).toEqual([]);
    for (const device of devices) await device.close();
  });

  test('that both do not answer share one mailbox entry', async () => {
    await using alice = await connectAs(stack, one, 'alice-3');
    await using phone = await connectAs(stack, one, 'bob-3', { device: 'phone' });
    await using laptop = await connectAs(stack, two, 'bob-3', { device: 'laptop' });
    alice.msg('bob-3', 'shared');
    await phone.next('msg:N');
    await laptop.next('msg:N');
    await alice.next('ack:N', { id: 'shared', state: 'stored' });
    await phone.next('offline:N', isHint);
    await laptop.next('offline:N', isHint);
    await until(async () => (await inFlightAt(one)) + (await inFlightAt(two)) === 0, {
      what: 'both copies to go back',
    });
    expect(await mailboxOf('bob-3')).toEqual([{ id: 'shared' }]);
    expect(idsOf((await emptyMailbox(phone)).messages)).toEqual(['shared']);
    await alice.next('offline:N', isHint);
    expect((await emptyMailbox(alice)).receipts).toMatchObject([{ id: 'shared', state: 'delivered' }]);
  });

  test.for([true, false])(
    'where one is too late: the other settles it, the sender being there: %s',
    async (there) => {
      const [from, to] = [`alice-late-${there}`, `bob-late-${there}`];
      await using alice = await connectAs(stack, one, from);
      const phone = await connectAs(stack, one, to, { device: 'phone' });
      await using laptop = await connectAs(stack, two, to, { device: 'laptop' });
      alice.msg(to, 'late');
      await phone.next('msg:N');
      await laptop.next('msg:N');
      await phone.terminate();
      await alice.next('ack:N', { id: 'late', state: 'stored' });
      expect(await mailboxOf(to)).toEqual([{ id: 'late' }]);
      if (!there) await alice.close();
      ack(laptop, from, 'late');
      if (there) await alice.next('offline:N', isHint);
      await until(async () => (await mailboxOf(to)).length === 0, { what: 'no copy to be left' });
      expect((await laptop.pull()).messages).toEqual([]);

      // What follows `stored` comes through the mailbox, so that it cannot be lost.
      const state = await stack.sql('SELECT state FROM offline_receipts WHERE recipient = $1', [from]);
      expect(state).toEqual([{ state: 'delivered' }]);
      await using again = there ? alice : await connectAs(stack, two, from);
      expect((await emptyMailbox(again)).receipts).toMatchObject([{ id: 'late', to, state: 'delivered' }]);
      expect(alice.all('ack:N').map((receipt) => receipt.state)).toEqual(['stored']);
    },
  );

  test('where one is gone: the other gets the message and settles it', async () => {
    await using alice = await connectAs(stack, one, 'alice-4');
    const phone = await connectAs(stack, one, 'bob-4', { device: 'phone' });
    await using laptop = await connectAs(stack, two, 'bob-4', { device: 'laptop' });
    await phone.close();
    alice.msg('bob-4', 'alone');
    await laptop.next('msg:N', { id: 'alone' });
    ack(laptop, 'alice-4', 'alone');
    await alice.next('ack:N', { id: 'alone', state: 'delivered' });
  });

  test('of a sender both get the receipts', async () => {
    await using phone = await connectAs(stack, one, 'alice-5', { device: 'phone' });
    await using laptop = await connectAs(stack, two, 'alice-5', { device: 'laptop' });
    await using bob = await connectAs(stack, two, 'bob-5', { autoAck: true });
    phone.msg('bob-5', 'told');
    await phone.next('ack:N', { id: 'told', state: 'delivered' });
    await laptop.next('ack:N', { id: 'told', state: 'delivered' });
    expect(bob.all('msg:N')).toHaveLength(1);
    expect(laptop.all('msg:A')).toEqual([]);
  });
});

describe('the same user and device, connected again', () => {
  test.for([
    { where: 'on another gateway', user: 'bob-6', again: () => two },
    { where: 'on the same gateway', user: 'bob-7', again: () => one },
  ])('$where takes the place of the old one, and gets what was in flight there', async ({ user, again }) => {
    const from = `alice-of-${user}`;
    await using alice = await connectAs(stack, one, from);
    await using old = await connectAs(stack, one, user, { device: 'phone' });
    const names = ids(5);
    for (const id of names) alice.msg(user, id);
    for (const id of names) await old.next('msg:N', { id });

    await using fresh = await connectAs(stack, again(), user, { device: 'phone' });
    expect(await old.next('bye')).toEqual({ type: 'bye', reason: 'replaced' });
    expect((await old.closed).code).toBe(4409);
    const messages = await messagesIn(fresh, names.length);
    expect(messages).toMatchObject(names.map((id) => ({ id, from, body: id })));
    for (const id of names) {
      const [told] = alice.all('ack:N', { id });
      expect(told ?? (await alice.next('ack:N', { id }))).toMatchObject({ state: 'stored' });
    }
    fresh.send({ type: 'offline:A', keys: messages.map(({ key }) => key) });
    await until(async () => (await mailboxOf(from)).length === 0 && (await mailboxOf(user)).length === 0, {
      what: 'the mailbox to be empty',
    });
    await alice.next('offline:N', isHint);
    const { receipts } = await emptyMailbox(alice);
    expect(receipts.map(({ id, state }) => [id, state]).sort()).toEqual(names.map((id) => [id, 'delivered']));

    alice.msg(user, 'live');
    await fresh.next('msg:N', { id: 'live' });
    ack(fresh, from, 'live');
    await alice.next('ack:N', { id: 'live', state: 'delivered' });
  });

  test('leaves the other devices alone, and other users with a device of that name', async () => {
    await using laptop = await connectAs(stack, one, 'bob-8', { device: 'laptop' });
    await using other = await connectAs(stack, one, 'carol-8', { device: 'phone' });
    await using old = await connectAs(stack, one, 'bob-8', { device: 'phone' });
    await using fresh = await connectAs(stack, two, 'bob-8', { device: 'phone' });
    expect((await old.closed).code).toBe(4409);
    other.msg('bob-8', 'to-all');
    await laptop.next('msg:N', { id: 'to-all' });
    await fresh.next('msg:N', { id: 'to-all' });
    ack(fresh, 'carol-8', 'to-all');
    await other.next('ack:N', { id: 'to-all', state: 'delivered' });
    for (const client of [laptop, other, fresh]) expect(client.bye).toBeUndefined();
    expect(await stack.sql(`SELECT device FROM sessions WHERE user_id = 'bob-8' ORDER BY device`)).toEqual([
      { device: 'laptop' },
      { device: 'phone' },
    ]);
  });

  test('of many at once exactly one stays', async () => {
    const token = await stack.token('bob-9');
    const clients = await Promise.all(
      Array.from({ length: 6 }, (_, n) => connectRaw((n % 2 === 0 ? one : two).url, { token })),
    );
    const codes = new Map<RawClient, number>();
    for (const client of clients) void client.closed.then(({ code }) => codes.set(client, code));
    for (const client of clients) client.send({ type: 'login:R', token });
    await until(() => codes.size === clients.length - 1, { what: 'all but one to be closed' });
    expect([...codes.values()]).toEqual(Array.from({ length: 5 }, () => 4409));
    for (const client of codes.keys())
      expect(client.packets.at(-1)?.packet).toEqual({ type: 'bye', reason: 'replaced' }); // and nothing after it
    const stays = clients.find((client) => !codes.has(client));
    await stays?.next('login:A');
    await using alice = await connectAs(stack, one, 'alice-9');
    alice.msg('bob-9', 'hello');
    await stays?.next('msg:N', { id: 'hello' });
    await stays?.close();
  });
});

/** So many messages out of the mailbox, now or behind hints; they stay there. */
async function messagesIn(client: RawClient, count: number): Promise<OfflineMessage[]> {
  for (;;) {
    const { messages } = await client.pull();
    if (messages.length >= count) return messages;
    await client.next('offline:N', isHint);
  }
}
