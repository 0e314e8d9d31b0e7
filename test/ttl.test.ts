import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { emptyMailbox } from './harness/mailbox.ts';
import { connectAs, type RawClient } from './harness/raw-client.ts';
import { receiptInMailbox } from './harness/receipts.ts';
import { type Stack, startStack } from './harness/stack.ts';
import { registerAway } from './harness/synced.ts';
import { until } from './harness/wait.ts';
import { ProcessClock } from '../tools/chaos/clock/clock.ts';

/** A message that is of no more use is not handed out, and its sender is told in time. */

/** PROTOCOL: ttl. Told within this long, milliseconds. */
const TOLD_WITHIN_MS = 60_000;
const LONG = 600;

let stack: Stack;

beforeAll(async () => {
  stack = await startStack({
    env: {
      RETENTION_SWEEP_MS: '1000',
      AMQP_HEARTBEAT_S: '1',
      GATEWAY_LEASE_MS: '4000',
      ACK_TIMEOUT_MS: '600000',
    },
  });
});

afterAll(() => stack.stop());

let users = 0;
/** A user that no other test knows. */
const someone = (name: string) => `${name}-${++users}`;

const send = (client: RawClient, to: string, id: string, ttl: number) =>
  client.send({ type: 'msg:R', id, to, body: id, ttl });

/** Waits until a message of that `at` and ttl is over, by the clock of this machine. */
const untilOver = (at: number, ttl: number) =>
  until(() => Date.now() > at + ttl * 1_000, { what: 'the time to be over' });

/** The sender is told that it expired, through the mailbox, in time. */
async function expired(client: RawClient, id: string, over: number): Promise<void> {
  const receipt = await receiptInMailbox(client, { id, state: 'rejected' }, TOLD_WITHIN_MS);
  expect(receipt).toMatchObject({ id, state: 'rejected', reason: 'expired' });
  expect(Date.now() - over).toBeLessThan(TOLD_WITHIN_MS);
}

const accepted = async (client: RawClient, id: string) => (await client.next('msg:A', { id })).at;

// Each waits until the sweep may take what was stored, 10 s.
describe.concurrent('an expired message', () => {
  test('of the mailbox is not handed out, and its sender is told', async () => {
    const peer = someone('bob');
    await using alice = await connectAs(stack, stack.gateways[0], someone('alice'));
    send(alice, peer, 'short', 1);
    send(alice, peer, 'long', LONG);
    const at = await accepted(alice, 'short');
    for (const id of ['short', 'long']) await alice.next('ack:N', { id, state: 'stored' });
    await untilOver(at, 1);
    await using bob = await connectAs(stack, stack.gateways[1], peer);
    expect((await bob.pull()).messages.map(({ id }) => id)).toEqual(['long']);
    await expired(alice, 'short', at + 1_000);
    const rows = await stack.sql('SELECT id FROM offline_messages WHERE recipient = $1', [peer]);
    expect(rows).toEqual([{ id: 'long' }]);
    expect(alice.all('ack:N', { state: 'rejected' })).toEqual([]); // through the mailbox only
  });

  test('that waits behind a full receive window is not handed out, and its sender is told', async () => {
    const gateway = await stack.addGateway({ RECEIVE_WINDOW: '1' });
    const peer = someone('bob');
    await using alice = await connectAs(stack, stack.gateways[0], someone('alice'));
    await using bob = await connectAs(stack, gateway, peer);
    alice.msg(peer, 'first');
    const { from } = await bob.next('msg:N', { id: 'first' });
    send(alice, peer, 'short', 1);
    send(alice, peer, 'long', LONG);
    const at = await accepted(alice, 'short');
    await untilOver(at, 1);
    bob.send({ type: 'ack:R', id: 'first', from });
    await bob.next('msg:N', { id: 'long' });
    await expired(alice, 'short', at + 1_000);
    expect(bob.all('msg:N', { id: 'short' })).toEqual([]);
  });

  test('that its receiver leaves unanswered is not stored, and its sender is told', async () => {
    const peer = someone('bob');
    await using alice = await connectAs(stack, stack.gateways[0], someone('alice'));
    const bob = await connectAs(stack, stack.gateways[1], peer);
    send(alice, peer, 'm', 1);
    const at = await accepted(alice, 'm');
    await bob.next('msg:N', { id: 'm' });
    await untilOver(at, 1);
    await bob.terminate();
    await expired(alice, 'm', at + 1_000);
    expect(await stack.sql('SELECT FROM offline_messages WHERE recipient = $1', [peer])).toEqual([]);
  });

  test('is taken back from a receiver who stays and says nothing', async () => {
    const peer = someone('bob');
    await using alice = await connectAs(stack, stack.gateways[0], someone('alice'));
    await using bob = await connectAs(stack, stack.gateways[1], peer);
    send(alice, peer, 'm', 1);
    const at = await accepted(alice, 'm');
    await bob.next('msg:N', { id: 'm' });
    await expired(alice, 'm', at + 1_000);
  });

  test('of a gateway that died is not handed out, and its sender is told', async () => {
    const gateway = await stack.addGateway();
    const peer = someone('bob');
    await using alice = await connectAs(stack, stack.gateways[0], someone('alice'));
    const bob = await connectAs(stack, gateway, peer);
    send(alice, peer, 'm', 1);
    const at = await accepted(alice, 'm');
    await bob.next('msg:N', { id: 'm' });
    await untilOver(at, 1);
    await gateway.kill('SIGKILL');
    await expired(alice, 'm', at + 1_000);
    await using back = await connectAs(stack, stack.gateways[1], peer);
    expect((await back.pull()).messages).toEqual([]);
  });
});

describe.concurrent('the first state that is final stands:', () => {
  test('a message that is confirmed in time stays delivered, also when its time is over', async () => {
    const peer = someone('bob');
    await using alice = await connectAs(stack, stack.gateways[0], someone('alice'));
    const bob = await connectAs(stack, stack.gateways[1], peer, { autoAck: true });
    send(alice, peer, 'live', 2);
    await alice.next('ack:N', { id: 'live', state: 'delivered' });
    await bob.terminate();
    send(alice, peer, 'away', 4);
    const at = await accepted(alice, 'away');
    await alice.next('ack:N', { id: 'away', state: 'stored' });
    await using back = await connectAs(stack, stack.gateways[1], peer);
    await emptyMailbox(back);
    await receiptInMailbox(alice, { id: 'away', state: 'delivered' });
    send(alice, someone('nobody'), 'marker', 1); // expires behind them
    await untilOver(at, 4);
    await expired(alice, 'marker', at + 4_000);
    const { receipts } = await emptyMailbox(alice);
    expect(receipts.map(({ id, state }) => [id, state])).toEqual([
      ['away', 'delivered'],
      ['marker', 'rejected'],
    ]);
  });

  test('a confirmation that comes late, of a message that was handed out in time, makes it delivered', async () => {
    const peer = someone('bob');
    await using alice = await connectAs(stack, stack.gateways[0], someone('alice'));
    await using bob = await connectAs(stack, stack.gateways[1], peer);
    send(alice, peer, 'm', 1);
    const at = await accepted(alice, 'm');
    const { from } = await bob.next('msg:N', { id: 'm' });
    await untilOver(at, 1);
    bob.send({ type: 'ack:R', id: 'm', from });
    await alice.next('ack:N', { id: 'm', state: 'delivered' });
    expect((await alice.pull()).receipts).toEqual([]);
  });

  test('of many that expire while they are confirmed, each ends in one state', async () => {
    const peer = someone('bob');
    const ids = Array.from({ length: 100 }, (_, n) => `m${n}`);
    await using alice = await connectAs(stack, stack.gateways[0], someone('alice'));
    for (const id of ids) send(alice, peer, id, LONG);
    await until(() => alice.all('ack:N', { state: 'stored' }).length === ids.length, { what: 'all stored' });
    await using bob = await connectAs(stack, stack.gateways[1], peer);
    const { messages } = await bob.pull(500);
    expect(messages).toHaveLength(ids.length);
    // Half of them are over now; the sweep and the confirmations meet.
    await stack.sql(
      `UPDATE offline_messages SET stored_at = now() - interval '1 hour', expires = $2
       WHERE recipient = $1 AND right(id, 1) < '5'`,
      [peer, Date.now() + 500],
    );
    for (const { key } of messages) {
      bob.send({ type: 'offline:A', keys: [key] });
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    const receipts = new Map<string, string[]>();
    await until(
      async () => {
        for (const { id, state, reason } of (await emptyMailbox(alice)).receipts)
          receipts.set(id, [...(receipts.get(id) ?? []), reason ?? state]);
        return receipts.size === ids.length;
      },
      { what: 'a receipt for each' },
    );
    for (const [id, states] of receipts) {
      expect(states).toHaveLength(1);
      if (Number(id.at(-1)) >= 5) expect(states).toEqual(['delivered']);
    }
  });
});

test('an expired message of a route queue is neither handed out nor stored, and its sender is told', async () => {
  const [peer, gone] = [someone('bob'), someone('carol')];
  await using alice = await connectAs(stack, stack.gateways[0], someone('alice'));
  await using bob = await connectAs(stack, stack.gateways[1], peer, { autoAck: true });
  const [routing] = stack.routing;
  if (!routing) throw new Error('no routing instance');
  const counted = async () =>
    (await stack.metrics(routing)).value('sixfold_expired_total', { what: 'message' });
  const returned = async () =>
    (await stack.metrics(routing)).value('sixfold_returned_total', { reason: 'expired' });
  const before = await counted();
  const returnedBefore = await returned();
  routing.signal('SIGSTOP');
  send(alice, peer, 'here', 1);
  send(alice, gone, 'away', 1);
  const at = Math.max(await accepted(alice, 'here'), await accepted(alice, 'away'));
  await untilOver(at, 1);
  routing.signal('SIGCONT');
  for (const id of ['here', 'away']) await expired(alice, id, at + 1_000);
  expect(bob.all('msg:N')).toEqual([]);
  await until(async () => (await counted()) === before + 2, { what: 'both to be counted' });
  expect(await stack.sql('SELECT FROM offline_messages WHERE recipient = $1', [gone])).toEqual([]);
  expect(await returned()).toBe(returnedBefore); // it did not go to a gateway first
});

describe('a page whose messages expire on its way to the client', () => {
  test.for([false, true])(
    'is replaced by the next one; they stay for the sweep; synced: %s',
    async (sync) => {
      // The same to the gateway: its clock is ahead, so what routing has just read is over.
      const clock = new ProcessClock(join(stack.addresses.dataDir, `clock-${String(sync)}`));
      clock.shift(LONG * 1_000);
      const gateway = await stack.addGateway(clock.env);
      const peer = someone('bob');
      if (sync) await registerAway(stack, peer, 'phone');
      await using alice = await connectAs(stack, stack.gateways[0], someone('alice'));
      for (const id of ['a', 'b']) send(alice, peer, id, LONG / 2);
      send(alice, peer, 'c', 2 * LONG);
      for (const id of ['a', 'b', 'c']) await alice.next('ack:N', { id, state: 'stored' });
      await using bob = await connectAs(stack, gateway, peer, { device: 'phone', sync });
      for (const limit of [1, 2, 3]) {
        const { messages, more } = await bob.pull(limit);
        expect([messages.map(({ id }) => id), more]).toEqual([['c'], false]);
      }
      expect(bob.all('offline:N')).toHaveLength(3);
      const table = sync ? 'device_copies' : 'offline_messages';
      const rows = await stack.sql(`SELECT id FROM ${table} WHERE recipient = $1 ORDER BY key`, [peer]);
      expect(rows.map(({ id }) => id)).toEqual(['a', 'b', 'c']);
      expect(alice.all('ack:N', { state: 'rejected' })).toEqual([]);
    },
  );
});

test('the time counts from the first `at`: a retransmission does not give a message more of it', async () => {
  const peer = someone('bob');
  await using alice = await connectAs(stack, stack.gateways[0], someone('alice'));
  send(alice, peer, 'm', 3);
  const first = await accepted(alice, 'm');
  await alice.next('ack:N', { id: 'm', state: 'stored' });
  await untilOver(first, 2);
  send(alice, peer, 'm', 3);
  const second = await accepted(alice, 'm');
  expect(second).toBeGreaterThan(first);
  await alice.next('ack:N', { id: 'm', state: 'stored' });
  const rows = await stack.sql('SELECT at, expires FROM offline_messages WHERE recipient = $1', [peer]);
  expect(rows).toEqual([{ at: String(first), expires: String(first + 3_000) }]);
  await untilOver(first, 3);
  await using bob = await connectAs(stack, stack.gateways[1], peer);
  expect((await bob.pull()).messages).toEqual([]);
  await expired(alice, 'm', first + 3_000);
});

test('a ttl that is none is a bad packet', async () => {
  await using alice = await connectAs(stack, stack.gateways[0], someone('alice'));
  for (const ttl of [0, 2_592_001, 1.5]) {
    send(alice, 'bob', 'bad', ttl);
    const { code, message } = await alice.next('error');
    expect([code, message.slice(0, 4)]).toEqual(['bad_packet', 'ttl:']);
  }
});
