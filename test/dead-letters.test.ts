import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import {
  ACK_QUEUE,
  DEAD_QUEUE,
  gatewayQueue,
  partitionOf,
  RETURNED_QUEUE,
  routeQueue,
} from '#libs/broker/topology.ts';
import { type Letter, publishTo, takeLetters, withChannel } from './harness/queues.ts';
import { connectAs, type RawClient } from './harness/raw-client.ts';
import type { ServiceHandle } from '../tools/testkit/service-handle.ts';
import { type Stack, startStack } from './harness/stack.ts';
import { until } from './harness/wait.ts';

/** What nobody can read or deal with goes to `sixfold.dead`, and is in nobody's way (G6). */

const PARTITIONS = 8;

let stack: Stack;
let services: ServiceHandle[];
let pids: number[];
let alice: RawClient;
let bob: RawClient;
let gateway: string;
let session: string;

beforeAll(async () => {
  stack = await startStack({ gateways: 1, env: { QUEUE_SETTLE_MS: '0' } });
  services = [...stack.gateways, ...stack.routing, ...stack.ack];
  pids = services.map(({ pid }) => pid);
  alice = await connectAs(stack, stack.gateways[0], 'alice');
  bob = await connectAs(stack, stack.gateways[0], 'bob', { autoAck: true });
  session = String(bob.all('login:A')[0]?.session);
  gateway = String((await stack.sql('SELECT gateway FROM gateways'))[0]?.['gateway']);
});

afterAll(() => stack.stop());

beforeEach(() => withChannel(stack, (channel) => channel.purgeQueue(DEAD_QUEUE)));

const messageFrom = (id: string, to: string) => ({
  kind: 'message',
  from: 'test',
  id,
  to,
  body: '"hello"',
  at: Date.now(),
});

/** Contents that no service would write. The reason says what is off. */
const truncated = JSON.stringify([messageFrom('cut', 'bob')]).slice(0, -7);
const garbage: [what: string, content: string | Buffer, reason: RegExp][] = [
  ['nothing', '', /not JSON/],
  ['text', 'hello', /not JSON/],
  ['bytes', Buffer.from([0xff, 0x00, 0xfe, 0x80]), /not JSON/],
  ['a truncated entry', truncated, /not JSON/],
  ['an object', JSON.stringify(messageFrom('bare', 'bob')), /not an array/],
  ['a number', '42', /not an array/],
  ['null as an entry', '[null]', /./],
  ['an unknown kind', '[{"kind":"nonsense","user":"bob"}]', /kind/],
  ['no kind', '[{"user":"bob"}]', /kind/],
];

async function deadTotal(): Promise<number> {
  const metrics = await Promise.all(services.map((handle) => stack.metrics(handle)));
  return metrics.reduce((sum, one) => sum + one.value('sixfold_dead_total'), 0);
}

/** Puts garbage between good entries, and returns the letters that came of it. */
async function poison(queue: string, entries: { good: unknown[]; bad: unknown[] }): Promise<Letter[]> {
  const before = await deadTotal();
  const [first, ...others] = entries.good.map((entry) => JSON.stringify(entry));
  const bad = entries.bad.map((entry) => JSON.stringify(entry));
  return withChannel(stack, async (channel) => {
    await publishTo(channel, queue, `[${first ?? ''}]`, ...garbage.map(([, content]) => content));
    await publishTo(channel, queue, `[${[...bad, ...others].join(',')}]`); // readable ones beside unreadable ones
    const expected = garbage.length + bad.length;
    const letters = await takeLetters(channel, expected);
    expect(await deadTotal()).toBe(before + expected);
    for (const [what, content, reason] of garbage) {
      const text = content.toString();
      const letter = letters.find((one) => one.content === text || `[${one.content}]` === text);
      expect(letter?.reason, what).toMatch(reason);
    }
    expect(new Set(letters.map((letter) => letter.queue))).toEqual(new Set([queue]));
    await until(async () => (await channel.checkQueue(queue)).messageCount === 0, { what: 'an empty queue' });
    expect(services.map(({ pid, running }) => running && pid)).toEqual(pids);
    return letters;
  });
}

/** Good entries go all the way as ever. */
async function stillWorks(id: string): Promise<void> {
  alice.msg('bob', id);
  await bob.next('msg:N', { id });
  await alice.next('ack:N', { id, state: 'delivered' });
}

describe('garbage', () => {
  test('in a route queue', async () => {
    const letters = await poison(routeQueue(partitionOf('bob', PARTITIONS)), {
      good: [messageFrom('route-1', 'bob'), messageFrom('route-2', 'bob'), messageFrom('route-3', 'bob')],
      bad: [
        { ...messageFrom('bad', 'bob'), to: 5 },
        { ...messageFrom('bad', 'bob'), id: 'a b' },
        { ...messageFrom('bad', 'bob'), at: 'noon' },
        { kind: 'confirm', user: 'bob', keys: 'all' },
      ],
    });
    for (const id of ['route-1', 'route-2', 'route-3']) await bob.next('msg:N', { id, from: 'test' });
    expect(
      letters.map(({ reason }) => reason).filter((reason) => /^(to|id|at|keys):/.test(reason)),
    ).toHaveLength(4);
    await stillWorks('after-route');
  });

  test('in the ack queue', async () => {
    const ack = (id: string) => ({ kind: 'ack', from: 'alice', id, to: 'bob', at: Date.now() });
    await poison(ACK_QUEUE, {
      good: [ack('ack-1'), ack('ack-2')],
      bad: [{ ...ack('bad'), from: null }, { ...ack('bad'), others: [{}] }, messageFrom('bad', 'bob')],
    });
    for (const id of ['ack-1', 'ack-2']) await alice.next('ack:N', { id, state: 'delivered' });
    await stillWorks('after-ack');
  });

  test('among what was returned', async () => {
    const returned = (id: string) => ({
      ...messageFrom(id, 'carol'),
      session: 'gone',
      returned: 'disconnected',
    });
    await poison(RETURNED_QUEUE, {
      good: [returned('returned-1'), returned('returned-2')],
      bad: [
        { ...returned('bad'), body: {} },
        { ...returned('bad'), session: '' },
      ],
    });
    const rows = await stack.sql("SELECT id FROM offline_messages WHERE recipient = 'carol' ORDER BY key");
    expect(rows).toEqual([{ id: 'returned-1' }, { id: 'returned-2' }]);
    await stillWorks('after-returned');
  });

  test("in a gateway's queue", async () => {
    const live = (id: string) => ({ ...messageFrom(id, 'bob'), session });
    await poison(gatewayQueue(gateway), {
      good: [live('live-1'), live('live-2')],
      bad: [
        { ...live('bad'), session: 7 },
        { kind: 'hint' },
        { kind: 'mailbox', session, messages: [{}], receipts: [], more: false },
      ],
    });
    for (const id of ['live-1', 'live-2']) await bob.next('msg:N', { id, from: 'test' });
    await stillWorks('after-gateway');
  });
});

test('what fits the schema and cannot be dealt with is buried alone, and the rest of its batch is not', async () => {
  const up = { kind: 'session-up', user: 'bob', device: 'spare', gateway, since: 1, again: false };
  const hopeless = [
    { ...up, session: 'with\u0000nul' }, // Postgres takes no U+0000
    { kind: 'pull', user: 'bob', session, gateway, limit: -5 },
    { kind: 'pull', user: 'bob', session, gateway, limit: Number.MAX_SAFE_INTEGER },
  ];
  await withChannel(stack, async (channel) => {
    const entries = [messageFrom('batch-1', 'bob'), ...hopeless, messageFrom('batch-2', 'bob')];
    await publishTo(channel, routeQueue(partitionOf('bob', PARTITIONS)), JSON.stringify(entries));
    for (const id of ['batch-1', 'batch-2']) await bob.next('msg:N', { id });
    const letters = await takeLetters(channel, hopeless.length);
    expect(letters.map(({ content }) => JSON.parse(content) as unknown)).toEqual(
      expect.arrayContaining(hopeless) as unknown,
    );
  });
  expect(services.map(({ pid, running }) => running && pid)).toEqual(pids);
  await stillWorks('after-batch');
});

test('a gateway whose name is longer than a name may be in AMQP is no gateway', async () => {
  const name = 'é'.repeat(199);
  const queue = routeQueue(partitionOf('bob', PARTITIONS));
  await withChannel(stack, async (channel) => {
    await publishTo(channel, queue, JSON.stringify([{ kind: 'lease', gateway: name, first: true }]));
    const [letter] = await takeLetters(channel, 1);
    expect(letter?.content).toContain(name);
    await until(async () => (await channel.checkQueue(queue)).messageCount === 0, { what: 'an empty queue' });
  });
  expect(await stack.sql('SELECT gateway FROM gateways')).toEqual([{ gateway }]);
  await stillWorks('after-lease');
});

test('a tombstone in the queue of a gateway that is alive, under load: a new incarnation, and nothing is lost', async () => {
  await using dora = await connectAs(stack, stack.gateways[0], 'dora');
  const sent = Array.from({ length: 60 }, (_, n) => `z${n}`);
  for (const id of sent.slice(0, 30)) alice.msg('dora', id);
  await dora.next('msg:N', { id: 'z29' });
  await withChannel(stack, (channel) => publishTo(channel, gatewayQueue(gateway), '[{"kind":"tombstone"}]'));
  // Answers whose way to the broker is under way while the connection goes.
  for (const id of sent.slice(0, 30)) dora.send({ type: 'ack:R', id, from: 'alice' });
  for (const id of sent.slice(30)) alice.msg('dora', id);
  // A page that was on its way to the old incarnation does not come: a client asks again after a while.
  const got = () => {
    const pages = dora.all('offline:N').flatMap(({ messages }) => messages);
    return new Set([...pages, ...dora.all('msg:N')].map(({ id }) => id));
  };
  await until(
    () => {
      dora.send({ type: 'offline:R' });
      return got().size === sent.length;
    },
    { what: 'all to arrive', intervalMs: 250 },
  );
  expect(services.map(({ pid, running }) => running && pid)).toEqual(pids);
  const incarnations = await stack.sql(
    "SELECT gateway FROM gateways WHERE gateway LIKE 'gateway-1.%' AND NOT removed",
  );
  expect(incarnations).toHaveLength(1);
  expect(incarnations[0]?.['gateway']).not.toBe(gateway);
});

test('two sessions of one name in one batch, which no gateway announces, do not stop their partition', async () => {
  const up = (user: string) => ({
    kind: 'session-up',
    user,
    device: 'phone',
    session: 'twice',
    gateway: 'nobody.1',
    since: Date.now(),
    again: false,
  });
  const queue = routeQueue(partitionOf('bob', PARTITIONS));
  await withChannel(stack, (channel) => publishTo(channel, queue, JSON.stringify(['x', 'y'].map(up))));
  alice.msg('bob', 'behind-them');
  await alice.next('ack:N', { id: 'behind-them', state: 'delivered' });
});
