import { afterAll, beforeAll, expect, test } from 'vitest';
import { EVENT_TYPES } from '#libs/events/event.ts';
import { EVENTS_EXCHANGE } from '#libs/broker/topology.ts';
import { EventLog } from './harness/event-log.ts';
import { emptyMailbox } from './harness/mailbox.ts';
import { withChannel } from './harness/queues.ts';
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
  'outbox-drop',
];
/** Those with events: of a few seconds each. */
const BACKGROUND_OF_EVENTS = [
  'events-adopt',
  'messages-expire+events',
  'gateways-remove+events',
  'gateways-remove-lapsed+events',
];

let stack: Stack;

// Renewed leases cost AMQP messages.
const ENV = { RATE_LIMIT_PER_S: '100000', RATE_BURST: '100000', GATEWAY_LEASE_MS: '60000' };

beforeAll(async () => {
  stack = await startStack({ env: ENV });
});

afterAll(() => stack.stop());

/** AMQP messages, SQL statements and young garbage collections of all services, so far. */
async function spent(of = stack) {
  const services = [...of.gateways, ...of.routing, ...of.ack];
  const metrics = await Promise.all(services.map((service) => of.metrics(service)));
  const sum = (name: string, labels: Record<string, string>) =>
    metrics.reduce((all, one) => all + one.value(name, labels), 0);
  const statements = (labels: Record<string, string> = {}) =>
    sum('sixfold_database_statements_total', labels);
  const published = ['route', 'ack', 'live', 'returned', 'events'].map((stage) =>
    sum('sixfold_batch_entries_count', { stage }),
  );
  const background = [...BACKGROUND, ...BACKGROUND_OF_EVENTS];
  return {
    amqp: published.reduce((all, one) => all + one),
    sql: statements() - background.reduce((all, statement) => all + statements({ statement }), 0),
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
async function costOfEach(senders: number, each: number, outstanding: number, of = stack) {
  const pairs = await Promise.all(
    Array.from({ length: senders }, async (_, n) => {
      const sender = await connectAs(of, of.gateways[n % 2], `sender-${n}`);
      const receiver = await connectAs(of, of.gateways[(n + 1) % 2], `receiver-${n}`, {
        autoAck: true,
      });
      return { sender, receiver };
    }),
  );
  const before = await spent(of);
  await Promise.all(pairs.map(({ sender }, n) => confirmed(sender, `receiver-${n}`, each, outstanding)));
  const after = await spent(of);
  for (const { sender, receiver } of pairs) {
    await sender[Symbol.asyncDispose]();
    await receiver[Symbol.asyncDispose]();
  }
  const share = (key: keyof typeof after) => (after[key] - before[key]) / (senders * each);
  return { amqp: share('amqp'), sql: share('sql'), collections: share('collections') };
}

test('a message that is alone: one AMQP message for each of its three ways, and no statement', async () => {
  const cost = await costOfEach(1, 100, 1);
  console.log('alone', cost);
  expect(cost.amqp).toBeLessThanOrEqual(3.2);
  expect(cost.sql).toBeLessThanOrEqual(0.1); // where the receiver is, once
});

test('messages of many share all of that, and their memory is young', async () => {
  const cost = await costOfEach(SENDERS, EACH, OUTSTANDING);
  console.log('together', cost);
  expect(cost.amqp).toBeLessThanOrEqual(1.5);
  expect(cost.sql).toBeLessThanOrEqual(0.05);
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

test('events that nobody wants: no exchange, no statement, no AMQP message', async () => {
  await using alice = await connectAs(stack, stack.gateways[0], 'alice-without-events');
  alice.msg('bob-without-events', 'm');
  await alice.next('ack:N', { state: 'stored' });
  await using bob = await connectAs(stack, stack.gateways[1], 'bob-without-events');
  await emptyMailbox(bob);
  await alice.next('offline:N');
  for (const service of [...stack.routing, ...stack.ack]) {
    const metrics = await stack.metrics(service);
    expect(metrics.value('sixfold_batch_entries_count', { stage: 'events' })).toBe(0);
    expect(metrics.value('sixfold_events_total')).toBe(0);
    const statements = metrics.labelsOf('sixfold_database_statements_total').map((one) => one['statement']);
    expect(statements.filter((name) => name?.includes('events'))).toEqual([]);
  }
  const exchange = withChannel(stack, (channel) => channel.checkExchange(EVENTS_EXCHANGE));
  await expect(exchange).rejects.toThrow(/404/);
  expect(await stack.sql('SELECT FROM event_outbox')).toEqual([]);
});

test('all events: three more AMQP messages for a message that is alone, shared by many, and no statement', async () => {
  await using observed = await startStack({ env: { ...ENV, EVENTS: EVENT_TYPES.join(',') } });
  await using log = await EventLog.open(observed);
  const alone = await costOfEach(1, 100, 1, observed);
  const together = await costOfEach(SENDERS, EACH, OUTSTANDING, observed);
  console.log('with events', { alone, together });
  expect(alone.amqp).toBeLessThanOrEqual(6.4);
  expect(alone.sql).toBeLessThanOrEqual(0.4);
  expect(together.amqp).toBeLessThanOrEqual(1.8);
  expect(together.sql).toBeLessThanOrEqual(0.45);
  await log.count({ type: 'message.delivered' }, 100 + SENDERS * EACH);
});
