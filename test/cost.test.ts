import { afterAll, beforeAll, expect, test } from 'vitest';
import { connectAs, type RawClient } from './harness/raw-client.ts';
import { type Stack, startStack } from './harness/stack.ts';
import { until } from './harness/wait.ts';

/** What a delivered message costs, in counts: alone always the same, together less, as far as the clients keep up. */

const SENDERS = 10;
const OUTSTANDING = 50;
const EACH = 500;
const LISTS = 20;
/** Route partitions, by default. */
const PARTITIONS = 8;

/** Statements of the rounds that go on without messages: they are not part of the cost of one. */
const BACKGROUND = [
  'gateways-renew',
  'gateways-remove',
  'gateways-remove-lapsed',
  'gateways-list',
  'gateways-find-unlisted',
  'gateways-forget',
  'gateways-forget-sessions',
  'mail-forgotten',
  'mailbox-size',
  'messages-expire',
  'receipts-expire',
];

let stack: Stack;

beforeAll(async () => {
  const free = { RATE_LIMIT_PER_S: '100000', RATE_BURST: '100000' };
  // Renewed leases cost AMQP messages.
  stack = await startStack({ env: { ...free, GATEWAY_LEASE_MS: '60000' } });
});

afterAll(() => stack.stop());

/** AMQP messages, SQL statements and young garbage collections of all services, so far. */
async function spent() {
  const services = [...stack.gateways, ...stack.routing, ...stack.ack];
  const metrics = await Promise.all(services.map((service) => stack.metrics(service)));
  const sum = (name: string, labels: Record<string, string>) =>
    metrics.reduce((all, one) => all + one.value(name, labels), 0);
  const statements = (labels: Record<string, string> = {}) =>
    sum('sixfold_database_statements_total', labels);
  const published = ['route', 'ack', 'live', 'returned'].map((stage) =>
    sum('sixfold_batch_entries_count', { stage }),
  );
  return {
    amqp: published.reduce((all, one) => all + one),
    sql: statements() - BACKGROUND.reduce((all, statement) => all + statements({ statement }), 0),
    collections: sum('nodejs_gc_duration_seconds_count', { kind: 'minor' }),
  };
}

/** SQL statements of that name of all services, so far. */
async function statements(statement: string): Promise<number> {
  const services = [...stack.routing, ...stack.ack];
  const metrics = await Promise.all(services.map((service) => stack.metrics(service)));
  return metrics.reduce((all, one) => all + one.value('sixfold_database_statements_total', { statement }), 0);
}

/** A sender keeps `outstanding` messages under way until `count` are confirmed. */
async function confirmed(sender: RawClient, to: string, count: number, outstanding: number): Promise<void> {
  // Two devices may both confirm one message.
  const delivered = () => new Set(sender.all('ack:N', { state: 'delivered' }).map(({ id }) => id)).size;
  const before = delivered();
  let sent = 0;
  const send = () => sender.msg(to, `${before}-${++sent}`);
  const next = (data: Buffer) => {
    if (!data.includes('"ack:N"')) return;
    // Each message makes room for one: a second receipt for it must not overfill the window.
    while (sent < count && sent < delivered() - before + outstanding) send();
  };
  sender.ws.on('message', next);
  for (let n = 0; n < outstanding; n++) send();
  await until(() => delivered() === before + count, {
    what: 'all to be confirmed',
    timeoutMs: 90_000,
  });
  sender.ws.off('message', next);
}

/** What each of so many messages cost that one sender after the other, or all together, had confirmed. */
async function costOfEach(senders: number, each: number, outstanding: number) {
  const pairs = await Promise.all(
    Array.from({ length: senders }, async (_, n) => {
      const sender = await connectAs(stack, stack.gateways[n % 2], `sender-${n}`);
      const receiver = await connectAs(stack, stack.gateways[(n + 1) % 2], `receiver-${n}`, {
        autoAck: true,
      });
      return { sender, receiver };
    }),
  );
  const before = await spent();
  await Promise.all(pairs.map(({ sender }, n) => confirmed(sender, `receiver-${n}`, each, outstanding)));
  const after = await spent();
  for (const { sender, receiver } of pairs) {
    await sender[Symbol.asyncDispose]();
    await receiver[Symbol.asyncDispose]();
  }
  const share = (key: keyof typeof after) => (after[key] - before[key]) / (senders * each);
  return { amqp: share('amqp'), sql: share('sql'), collections: share('collections') };
}

test('a message that is alone: one AMQP message for each of its four ways, and a look at where its sender is', async () => {
  const cost = await costOfEach(1, 100, 1);
  console.log('alone', cost);
  expect(cost.amqp).toBeLessThanOrEqual(4.2);
  expect(cost.sql).toBeLessThanOrEqual(1.2);
});

test('messages of many share all of that, and their memory is young', async () => {
  const cost = await costOfEach(SENDERS, EACH, OUTSTANDING);
  console.log('together', cost);
  expect(cost.amqp).toBeLessThanOrEqual(1.5);
  expect(cost.sql).toBeLessThanOrEqual(0.4);
  expect(cost.collections).toBeLessThanOrEqual(0.04);
});

test('a list of 100: AMQP messages for partitions and gateways, not for receivers', async () => {
  const names = Array.from({ length: 100 }, (_, n) => `member-${n}`);
  const receivers = await Promise.all(names.map((user, n) => connectAs(stack, stack.gateways[n % 2], user)));
  const sender = await connectAs(stack, stack.gateways[0], 'sender-of-lists');
  const before = await spent();
  for (let n = 0; n < LISTS; n++) {
    sender.send({ type: 'msg:R', id: `list-${n}`, to: names, body: 'x' });
    await Promise.all(receivers.map((receiver) => receiver.next('msg:N', { id: `list-${n}` })));
  }
  const after = await spent();
  const cost = { amqp: (after.amqp - before.amqp) / LISTS, sql: (after.sql - before.sql) / LISTS };
  console.log('a list of 100', cost);
  expect(cost.amqp).toBeLessThanOrEqual(PARTITIONS + 2 * stack.gateways.length + 4);
  expect(cost.sql).toBeLessThanOrEqual(PARTITIONS + 1);
  for (const client of [...receivers, sender]) await client[Symbol.asyncDispose]();
});

/** What each message costs for a user with two devices, of which the second may be away. */
async function costOfDevices(user: string, sync: boolean, both: boolean) {
  const open = (device: string, gateway: number) =>
    connectAs(stack, stack.gateways[gateway], user, { device, sync, autoAck: true });
  const devices = [await open('phone', 0), await open('laptop', 1)];
  if (!both) {
    await devices.pop()?.close();
    await until(
      async () => (await stack.sql('SELECT FROM sessions WHERE user_id = $1', [user])).length === 1,
      {
        what: 'presence to forget it',
      },
    );
  }
  const sender = await connectAs(stack, stack.gateways[0], `sender-to-${user}`);
  const [before, inserts] = [await spent(), await statements('copies-store')];
  await confirmed(sender, user, EACH, OUTSTANDING);
  const [after, insertsAfter] = [await spent(), await statements('copies-store')];
  for (const client of [sender, ...devices]) await client[Symbol.asyncDispose]();
  const share = (key: 'amqp' | 'sql') => (after[key] - before[key]) / EACH;
  return { amqp: share('amqp'), sql: share('sql'), inserts: (insertsAfter - inserts) / EACH };
}

test('a user with two synced devices online: no more statements than with two others, and nothing is stored', async () => {
  const others = await costOfDevices('two-others', false, true);
  const synced = await costOfDevices('two-synced', true, true);
  console.log('two devices', { others, synced });
  expect(synced.inserts).toBe(0);
  expect(synced.sql).toBeLessThanOrEqual(1.2 * others.sql + 0.05);
  expect(others.sql).toBeLessThanOrEqual(1);
});

test('one synced device online and one away: one insert for a batch', async () => {
  const cost = await costOfDevices('one-away', true, false);
  console.log('one away', cost);
  expect(await stack.sql("SELECT FROM device_copies WHERE recipient = 'one-away'")).toHaveLength(EACH);
  expect(cost.inserts).toBeGreaterThan(0);
  expect(cost.inserts).toBeLessThanOrEqual(0.5);
});
