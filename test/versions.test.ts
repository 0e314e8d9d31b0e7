import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import {
  ACK_QUEUE,
  DEAD_QUEUE,
  gatewayQueue,
  partitionOf,
  RETURNED_QUEUE,
  routeQueue,
} from '#libs/broker/topology.ts';
import { emptyMailbox } from './harness/mailbox.ts';
import { publishTo, takeLetters, withChannel } from './harness/queues.ts';
import { connectAs, isHint, type RawClient } from './harness/raw-client.ts';
import type { ServiceHandle } from '../tools/testkit/service-handle.ts';
import { type Stack, startStack } from './harness/stack.ts';
import { until } from './harness/wait.ts';

/** A later version runs beside this one: what it adds to entries does no harm here, and what it invents is set aside. */

/** Fields that no entry of this version has. */
const ADDED = { ttl: 5, trace: { id: 'x', hops: [1, 2] }, place: null, v: '2' };

let stack: Stack;
let services: ServiceHandle[];
let pids: number[];
let alice: RawClient;
let bob: RawClient;
let gateway: string;
const sessions = { alice: '', bob: '' };

beforeAll(async () => {
  stack = await startStack({ gateways: 1 });
  services = [...stack.gateways, ...stack.routing, ...stack.ack];
  pids = services.map(({ pid }) => pid);
  alice = await connectAs(stack, stack.gateways[0], 'alice');
  bob = await connectAs(stack, stack.gateways[0], 'bob');
  sessions.alice = String(alice.all('login:A')[0]?.session);
  sessions.bob = String(bob.all('login:A')[0]?.session);
  gateway = String((await stack.sql('SELECT gateway FROM gateways'))[0]?.['gateway']);
});

afterAll(() => stack.stop());

beforeEach(() => withChannel(stack, (channel) => channel.purgeQueue(DEAD_QUEUE)));

const ofBob = () => routeQueue(partitionOf('bob', 8));

const message = (id: string, to = 'bob') => ({
  kind: 'message',
  from: 'alice',
  id,
  to,
  body: '"hello"',
  at: Date.now(),
});
const liveMessage = (id: string) => ({ ...message(id), session: sessions.bob });
const ack = (id: string) => ({ kind: 'ack', from: 'alice', id, to: 'bob', at: Date.now() });
const receipt = (id: string) => ({
  kind: 'receipt',
  session: sessions.alice,
  user: 'alice',
  id,
  to: 'bob',
  state: 'delivered',
  at: Date.now(),
});

/** Publishes entries as one batch. */
const put = (queue: string, ...entries: unknown[]) =>
  withChannel(stack, (channel) => publishTo(channel, queue, JSON.stringify(entries)));

/** Entries that were buried so far. */
async function deadTotal(): Promise<number> {
  const metrics = await Promise.all(services.map((handle) => stack.metrics(handle)));
  return metrics.reduce((sum, one) => sum + one.value('sixfold_dead_total'), 0);
}

/** Nobody crashed, and nothing of it is dead but this many since then. */
async function expectDead(count: number, before = 0): Promise<void> {
  expect(services.map(({ pid, running }) => running && pid)).toEqual(pids);
  expect((await deadTotal()) - before).toBe(count);
}

/** Bob confirms a message, and alice hears of it. */
async function confirmed(id: string): Promise<void> {
  bob.send({ type: 'ack:R', id, from: 'alice' });
  await alice.next('ack:N', { id, state: 'delivered' });
}

describe('fields that this version does not know', () => {
  afterAll(() => expectDead(0));

  test('in a route queue: messages, logins, pulls, confirmed keys, leases', async () => {
    const up = { kind: 'session-up', user: 'dora', device: 'new', session: 's', since: 1, again: false };
    await put(
      ofBob(),
      { kind: 'lease', gateway, first: false, ...ADDED },
      { ...up, gateway, ...ADDED, device: 'new' },
      { ...message('live'), ...ADDED },
      { ...message('away', 'carol'), ...ADDED },
      { kind: 'session-down', user: 'dora', session: 's', ...ADDED },
    );
    const got = await bob.next('msg:N', { id: 'live' });
    expect(Object.keys(got).sort()).toEqual(['at', 'body', 'from', 'id', 'type']);
    await confirmed('live');
    await alice.next('ack:N', { id: 'away', state: 'stored' });
    const [row] = await stack.sql("SELECT key FROM offline_messages WHERE recipient = 'carol'");
    await put(
      ofBob(),
      { kind: 'pull', user: 'carol', session: sessions.bob, gateway, limit: 5, ...ADDED },
      { kind: 'confirm', user: 'carol', keys: [`m${String(row?.['key'])}`], ...ADDED },
    );
    await bob.next('offline:N', (page) => !isHint(page));
    await until(async () => (await stack.sql('SELECT FROM offline_messages')).length === 0, {
      what: 'the entry to be deleted',
    });
    await alice.next('offline:N', isHint);
    expect((await emptyMailbox(alice)).receipts).toMatchObject([{ id: 'away', state: 'delivered' }]);
  });

  test('in the ack queue, and in what it names', async () => {
    const others = [{ gateway, session: sessions.bob, ...ADDED }];
    await put(ACK_QUEUE, { ...ack('acked'), others, ...ADDED });
    await alice.next('ack:N', { id: 'acked', state: 'delivered' });
  });

  test("in a gateway's queue; and what is passed on from there is as good as any", async () => {
    const others = [{ gateway, session: sessions.alice, ...ADDED }];
    await put(
      gatewayQueue(gateway),
      { ...liveMessage('handed'), others, ...ADDED },
      { ...receipt('told'), ...ADDED },
      { kind: 'settled', session: sessions.bob, from: 'alice', id: 'none', ...ADDED },
      { ...liveMessage('passed-on'), session: 'gone', ...ADDED },
      { kind: 'hint', session: sessions.bob, ...ADDED },
    );
    const got = await bob.next('msg:N', { id: 'handed' });
    expect(Object.keys(got).sort()).toEqual(['at', 'body', 'from', 'id', 'type']);
    const told = await alice.next('ack:N', { id: 'told' });
    expect(Object.keys(told).sort()).toEqual(['at', 'id', 'state', 'to', 'type']);
    await alice.next('ack:N', { id: 'passed-on', state: 'stored' });
    await bob.next('offline:N', isHint);
    expect((await emptyMailbox(bob)).messages).toMatchObject([{ id: 'passed-on' }]);
    await confirmed('handed');
    await alice.next('offline:N', isHint);
    await emptyMailbox(alice);
  });

  test('among what was returned, also a reason that is new', async () => {
    const [routing] = stack.routing as [ServiceHandle];
    const ofOtherReasons = async () =>
      (await stack.metrics(routing)).value('sixfold_returned_total', { reason: 'other' });
    const before = await ofOtherReasons();
    await put(
      RETURNED_QUEUE,
      { ...liveMessage('returned'), to: 'erin', returned: 'disconnected', ...ADDED },
      { ...liveMessage('whim'), to: 'erin', returned: 'whim' },
      { ...receipt('unread'), user: 'frank', returned: 'whim', ...ADDED },
      { kind: 'lease-granted', presence: 'p', ...ADDED },
    );
    for (const id of ['returned', 'whim']) await alice.next('ack:N', { id, state: 'stored' });
    await using erin = await connectAs(stack, stack.gateways[0], 'erin');
    expect((await emptyMailbox(erin)).messages.map(({ id }) => id)).toEqual(['returned', 'whim']);
    await using frank = await connectAs(stack, stack.gateways[0], 'frank');
    expect((await emptyMailbox(frank)).receipts).toMatchObject([{ id: 'unread', state: 'delivered' }]);
    expect((await ofOtherReasons()) - before).toBe(2);
  });
});

test('kinds that this version does not know are dead, with the reason, and their batch goes on', async () => {
  const dead = await deadTotal();
  const queues = {
    [ofBob()]: (id: string) => message(id),
    [gatewayQueue(gateway)]: (id: string) => liveMessage(id),
    [ACK_QUEUE]: (id: string) => ack(id),
    [RETURNED_QUEUE]: (id: string) => ({ ...liveMessage(id), to: 'gina', returned: 'draining' }),
  };
  const future = { kind: 'typing', session: sessions.bob, user: 'bob', gateway, from: 'alice', ...ADDED };
  for (const [n, [queue, good]] of Object.entries(queues).entries())
    await put(queue, future, good(`a${n}`), { ...good('x'), kind: 'edit' }, good(`b${n}`), future);
  for (const id of ['a0', 'b0', 'a1', 'b1']) {
    await bob.next('msg:N', { id });
    await confirmed(id);
  }
  for (const id of ['a2', 'b2']) await alice.next('ack:N', { id, state: 'delivered' });
  for (const id of ['a3', 'b3']) await alice.next('ack:N', { id, state: 'stored' });
  const letters = await withChannel(stack, (channel) => takeLetters(channel, 12));
  for (const queue of Object.keys(queues)) {
    const here = letters.filter((letter) => letter.queue === queue);
    expect(here.map(({ content }) => (JSON.parse(content) as { kind: string }).kind).sort()).toEqual([
      'edit',
      'typing',
      'typing',
    ]);
    for (const { reason } of here) expect(reason).toMatch(/kind/);
  }
  await expectDead(12, dead);
});

test('what an earlier version stored is handed out as that one would', async () => {
  await stack.sql(
    `INSERT INTO offline_messages (recipient, sender, id, body, at, seq) VALUES ('erin', 'alice', 'old', '1', 1, 2)`,
  );
  await using erin = await connectAs(stack, stack.gateways[0], 'erin');
  const { messages } = await erin.pull();
  expect(messages).toEqual([{ key: messages[0]?.key, id: 'old', from: 'alice', body: 1, at: 1, seq: 2 }]);
});
