import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  ACK_QUEUE,
  DEAD_QUEUE,
  gatewayQueue,
  partitionOf,
  RETURNED_QUEUE,
  routeQueue,
} from '#libs/broker/topology.ts';
import type { OfflineReceipt } from '#libs/protocol/server-packets.ts';
import { admin as run } from '../services/admin/program.ts';
import type { ServiceHandle } from '../tools/testkit/service-handle.ts';
import { logTail } from '../tools/stack/log-file.ts';
import { http } from './harness/http.ts';
import { emptyMailbox } from './harness/mailbox.ts';
import { publishTo, withChannel } from './harness/queues.ts';
import { connectAs, connectRaw, type RawClient } from './harness/raw-client.ts';
import { serviceToken } from './harness/service-token.ts';
import { type Stack, startStack } from './harness/stack.ts';
import { connectDevice, registerAway, statesOf } from './harness/synced.ts';
import { tracesOf } from './harness/traces-of-user.ts';
import { until } from './harness/wait.ts';

/** Erasing a user: when it is answered, nothing is left in any table, and nothing comes back. */

const PARTITIONS = 8;

let stack: Stack;
let one: ServiceHandle;
let two: ServiceHandle;
let users = 0;
/** A user that no other test knows, with a name that no other contains. */
const someone = (name: string) => `${name}-${++users}.`;

beforeAll(async () => {
  stack = await startStack({ env: { RETENTION_SWEEP_MS: '300' } });
  [one, two] = stack.gateways as [ServiceHandle, ServiceHandle];
});

afterAll(() => stack.stop());

const eraseOverHttp = async (user: string, gateway = one) =>
  http(gateway, 'DELETE', `/users/${user}`, { token: await serviceToken(stack, ['admin']) });

/** Erases, and does not return before that is done. @returns when it was asked for */
async function erase(user: string): Promise<number> {
  const asked = Date.now();
  expect((await eraseOverHttp(user)).status).toBe(204);
  return asked;
}

/** What is left beside the revocation, and what senders were told. */
async function leftOf(user: string): Promise<string[]> {
  const told = new RegExp(`^(offline|device)_receipts \\((?!${user}).*,${user},rejected,expired,`);
  return (await tracesOf(stack, user)).filter(
    (trace) => !trace.startsWith('user_revocations ') && !told.test(trace),
  );
}

/** Messages and receipts that came back, so far. */
async function returned(): Promise<number> {
  const metrics = await Promise.all(stack.routing.map((routing) => stack.metrics(routing)));
  const reasons = ['no_session', 'disconnected', 'draining', 'gateway_gone'];
  const count = (reason: string) =>
    metrics.reduce((sum, one) => sum + one.value('sixfold_returned_total', { reason }), 0);
  return reasons.reduce((sum, reason) => sum + count(reason), 0);
}

/** Waits until so many came back and are dealt with. */
const untilReturned = (count: number) =>
  until(async () => (await returned()) >= count, { what: 'everything in flight to come back' });

const enqueue = (queue: string, ...entries: object[]) =>
  withChannel(stack, (channel) => publishTo(channel, queue, JSON.stringify(entries)));

const partition = (user: string) => routeQueue(partitionOf(user, PARTITIONS));

/** What a sender is told of messages in the end. */
async function expectRejected(sender: RawClient, ...ids: string[]): Promise<void> {
  const inMailbox: OfflineReceipt[] = [];
  const states = (id: string) =>
    [...sender.all('ack:N', { id }), ...inMailbox.filter((one) => one.id === id)].map(({ state }) => state);
  await until(
    async () => {
      inMailbox.push(...(await emptyMailbox(sender)).receipts);
      return ids.every((id) => states(id).includes('rejected'));
    },
    { what: `${ids.join(', ')} to be rejected` },
  );
  for (const id of ids) expect(states(id), id).not.toContain('delivered');
}

describe('a user with an own mailbox', () => {
  test('nothing is left in any table; every sender is told rejected, expired', async () => {
    const [bob, name] = [someone('bob'), someone('alice')];
    await using alice = await connectAs(stack, one, name);
    for (const id of ['m1', 'm2']) {
      alice.msg(bob, id);
      await alice.next('ack:N', { id, state: 'stored' });
    }
    // A receipt for bob, who is away: what was sent to nobody expired.
    await using writer = await connectAs(stack, two, bob);
    alice.msg(bob, 'live');
    await writer.next('msg:N', { id: 'live' });
    writer.msg(name, 'from-bob');
    await alice.next('msg:N', { id: 'from-bob' });
    await writer.close();
    alice.send({ type: 'ack:R', id: 'from-bob', from: bob });
    await alice.next('ack:N', { id: 'live', state: 'stored' });
    await until(async () => (await tracesOf(stack, bob)).some((row) => row.startsWith('offline_receipts')), {
      what: 'the receipt to be stored',
    });
    await erase(bob);
    expect(await leftOf(bob)).toEqual([]);
    await alice.next('offline:N');
    const { receipts } = await emptyMailbox(alice);
    expect(receipts.map(({ id, to, state, reason }) => [id, to, state, reason]).sort()).toEqual(
      ['live', 'm1', 'm2'].map((id) => [id, bob, 'rejected', 'expired']),
    );
  });

  test('what is in flight comes back, is not stored, and is rejected', async () => {
    const [bob, name] = [someone('bob'), someone('alice')];
    await using alice = await connectAs(stack, one, name);
    await using phone = await connectAs(stack, one, bob, { device: 'phone' });
    await using desk = await connectAs(stack, two, bob, { device: 'desk' });
    alice.msg(bob, 'm');
    await Promise.all([phone, desk].map((device) => device.next('msg:N', { id: 'm' })));
    const before = await returned();
    await erase(bob);
    expect(await leftOf(bob)).toEqual([]);
    for (const device of [phone, desk]) {
      expect(await device.next('bye')).toMatchObject({ reason: 'revoked' });
      expect((await device.closed).code).toBe(4403);
    }
    await expectRejected(alice, 'm');
    await untilReturned(before + 2);
    expect(await leftOf(bob)).toEqual([]);
  });

  test('what the user has sent reaches its receivers, and leaves no receipt behind', async () => {
    const [bob, name, away] = [someone('bob'), someone('alice'), someone('carol')];
    await using alice = await connectAs(stack, one, name);
    const writer = await connectAs(stack, two, bob);
    writer.msg([name, away], 'm');
    await alice.next('msg:N', { id: 'm' });
    await writer.next('ack:N', { to: away, state: 'stored' });
    await erase(bob);
    alice.send({ type: 'ack:R', id: 'm', from: bob });
    await alice.next('ack:A');
    await using carol = await connectAs(stack, one, away);
    expect((await emptyMailbox(carol)).messages).toMatchObject([{ id: 'm', from: bob }]);
    await using eve = await connectAs(stack, two, someone('eve'));
    for (const id of ['e1', 'e2']) {
      eve.msg(name, id); // what is confirmed later is dealt with later
      await alice.next('msg:N', { id });
      alice.send({ type: 'ack:R', id, from: eve.all('login:A')[0]?.user ?? '' });
      await eve.next('ack:N', { id, state: 'delivered' });
    }
    await until(
      async () => (await tracesOf(stack, bob)).every((row) => !row.startsWith('offline_messages')),
      {
        what: 'carol to have it',
      },
    );
    expect(await leftOf(bob)).toEqual([]);
    await writer.terminate();
  });

  test('events that were left when EVENTS was emptied are gone, those of others are not', async () => {
    const [bob, name] = [someone('bob'), someone('alice')];
    const insert = 'INSERT INTO event_outbox (owner, type, fact, fields) VALUES ($1, $2, $3, $4)';
    for (const fields of [
      { user: bob },
      { from: bob, to: name },
      { from: name, to: bob },
      { from: name, to: name },
    ])
      await stack.sql(insert, ['gone', 'message.rejected', [], JSON.stringify(fields)]);
    await erase(bob);
    expect(await leftOf(bob)).toEqual([]);
    expect((await stack.sql('SELECT fields FROM event_outbox')).map(({ fields }) => fields)).toEqual([
      { from: name, to: name },
    ]);
  });

  test('a user of whom nothing is known: done', async () => {
    await erase(someone('nobody'));
  });
});

describe('a user with synced devices', () => {
  test('devices, copies, receipts and what was missed are gone; senders are told, once', async () => {
    const [bob, name] = [someone('bob'), someone('alice')];
    await using alice = await connectAs(stack, one, name);
    alice.msg(bob, 'before');
    await alice.next('ack:N', { id: 'before', state: 'stored' });
    await registerAway(stack, bob, 'desk', 'tablet');
    alice.msg(bob, 'stored');
    await alice.next('ack:N', { id: 'stored', state: 'stored' });
    await using phone = await connectDevice(stack, two, bob, 'phone');
    alice.msg(bob, 'live');
    await phone.next('msg:N', { id: 'live' });
    alice.msg(bob, 'confirmed');
    await phone.next('msg:N', { id: 'confirmed' });
    phone.send({ type: 'ack:R', id: 'confirmed', from: name });
    await alice.next('ack:N', { id: 'confirmed', state: 'delivered' });
    phone.msg(someone('dora'), 'own'); // copies for the others, and receipts
    await phone.next('ack:N', { id: 'own', state: 'stored' });
    await stack.sql('INSERT INTO device_missed (recipient, device, count) VALUES ($1, $2, 3)', [bob, 'desk']);
    const before = await returned();
    await erase(bob);
    const left = (await leftOf(bob)).filter((row) => !row.startsWith('offline_messages ')); // what dora gets
    expect(left).toEqual([]);
    expect(await phone.next('bye')).toMatchObject({ reason: 'revoked' });
    await expectRejected(alice, 'before', 'stored', 'live');
    expect(await statesOf(alice, 'confirmed')).toEqual(['delivered']);
    await untilReturned(before + 1); // what was live
    const later = (await leftOf(bob)).filter((row) => !row.startsWith('offline_messages '));
    expect(later).toEqual([]);
  });
});

describe('what comes back afterwards is not stored', () => {
  test('from a gateway that dies with messages of the user in flight', async () => {
    const [bob, name] = [someone('bob'), someone('alice')];
    await using alice = await connectAs(stack, one, name);
    const [victim] = (await stack.add({ gateway: 1 })) as [ServiceHandle];
    const phone = await connectDevice(stack, victim, bob, 'phone');
    alice.msg(bob, 'm');
    await phone.next('msg:N', { id: 'm' });
    victim.signal('SIGSTOP'); // it cannot let go of the message
    await erase(bob);
    const before = await returned();
    await victim.kill();
    await untilReturned(before + 1);
    await expectRejected(alice, 'm');
    expect(await leftOf(bob)).toEqual([]);
    await phone.terminate();
  });

  test('among what was returned: messages, copies, receipts and notes of before', async () => {
    const [bob, name] = [someone('bob'), someone('alice')];
    await using alice = await connectAs(stack, one, name);
    const at = Date.now() - 1;
    await erase(bob);
    const message = {
      kind: 'message',
      session: 's',
      from: name,
      to: bob,
      body: '1',
      at,
      returned: 'draining',
    };
    const receipt = {
      kind: 'receipt',
      session: 's',
      user: bob,
      to: name,
      state: 'delivered',
      at,
      returned: 'draining',
    };
    const before = await returned();
    await enqueue(
      RETURNED_QUEUE,
      { ...message, id: 'plain' },
      { ...message, id: 'answered', answered: true },
      { ...message, id: 'copy', copy: 'phone', others: [{ gateway: 'g.1', session: 't' }] },
      { ...message, id: 'told', copy: 'phone', told: true },
      { ...receipt, id: 'r1' },
      { ...receipt, id: 'r2', copy: 'phone' },
      { ...receipt, id: 'r3', at: Date.now() + 1_000, sentAt: at },
      { kind: 'settled', session: 's', from: name, id: 'copy', to: bob },
    );
    await expectRejected(alice, 'plain', 'answered', 'copy');
    await untilReturned(before + 7);
    expect(await statesOf(alice, 'told')).toEqual([]);
    expect(await leftOf(bob)).toEqual([]);
  });

  test('in the partition of the user, behind the erasure; what was accepted later is stored', async () => {
    const [bob, name] = [someone('bob'), someone('alice')];
    await using alice = await connectAs(stack, one, name);
    const at = await erase(bob);
    const message = { kind: 'message', from: name, to: bob, body: '1' };
    await enqueue(
      partition(bob),
      { ...message, id: 'old', at: at - 1 },
      { ...message, id: 'new', at: Date.now() },
    );
    await alice.next('ack:N', { id: 'new', state: 'stored' });
    await expectRejected(alice, 'old');
    expect(await stack.sql('SELECT id FROM offline_messages WHERE recipient = $1', [bob])).toEqual([
      { id: 'new' },
    ]);
  });
});

test('a statement that began before is waited for, and what it stores goes as well', async () => {
  const [bob, name] = [someone('bob'), someone('alice')];
  await using alice = await connectAs(stack, one, name);
  const slow = new pg.Client({ connectionString: stack.databaseUrl, application_name: 'sixfold-routing' });
  await slow.connect();
  await slow.query('BEGIN');
  const insert = 'INSERT INTO offline_messages (recipient, sender, id, body, at) VALUES ($1, $2, $3, $4, $5)';
  await slow.query(insert, [bob, name, 'slow', '1', Date.now()]);
  const erased = erase(bob);
  let done = false;
  void erased.then(() => (done = true));
  await until(async () => (await tracesOf(stack, bob)).some((row) => row.startsWith('user_revocations ')), {
    what: 'the erasure to be marked',
  });
  alice.msg(bob, 'meanwhile'); // everything else goes on
  await alice.next('ack:N', { id: 'meanwhile', state: 'stored' });
  expect(done).toBe(false);
  await slow.query('COMMIT');
  await slow.end();
  await erased;
  await expectRejected(alice, 'slow');
  expect(await stack.sql('SELECT id FROM offline_messages WHERE recipient = $1', [bob])).toEqual([
    { id: 'meanwhile' },
  ]);
});

test('an instance that dies in the middle: another one finishes', async () => {
  const [bob, name] = [someone('bob'), someone('alice')];
  await using alice = await connectAs(stack, one, name);
  alice.msg(bob, 'm');
  await alice.next('ack:N', { id: 'm', state: 'stored' });
  const slow = new pg.Client({ connectionString: stack.databaseUrl, application_name: 'sixfold-routing' });
  await slow.connect();
  await slow.query('BEGIN');
  const token = await serviceToken(stack, ['admin']);
  void http(one, 'DELETE', `/users/${bob}`, { token }).catch(() => undefined);
  await until(async () => (await tracesOf(stack, bob)).some((row) => row.startsWith('user_revocations ')), {
    what: 'the erasure to be marked',
  });
  const [routing] = stack.routing as [ServiceHandle];
  await routing.kill();
  await slow.query('COMMIT');
  await slow.end();
  await routing.restart();
  await expectRejected(alice, 'm');
  const finished = 'SELECT 1 FROM user_revocations WHERE user_id = $1 AND erased';
  await until(async () => (await stack.sql(finished, [bob])).length === 1, {
    what: 'the erasure to be done',
  });
  expect(await leftOf(bob)).toEqual([]);
});

describe('afterwards', () => {
  const login = async (gateway: ServiceHandle, token: string) => {
    await using client = await connectRaw(gateway.url);
    client.send({ type: 'login:R', token });
    return (await Promise.race([client.next('login:A'), client.next('error')])).type;
  };

  test('an old token is refused on every gateway; with a fresh one the user begins anew', async () => {
    const [bob, name] = [someone('bob'), someone('alice')];
    await using alice = await connectAs(stack, one, name);
    const old = await stack.token(bob);
    alice.msg(bob, 'old');
    await alice.next('ack:N', { id: 'old', state: 'stored' });
    const second = Math.floor(Date.now() / 1_000);
    await until(() => Math.floor(Date.now() / 1_000) > second, { what: 'the next second' });
    await erase(bob);
    for (const gateway of [one, two]) expect(await login(gateway, old)).toBe('error');
    await using client = await connectDevice(stack, two, bob, 'phone');
    expect(await emptyMailbox(client)).toEqual({ messages: [], receipts: [] });
    alice.msg(bob, 'new');
    await client.next('msg:N', { id: 'new' });
    client.send({ type: 'ack:R', id: 'new', from: name });
    await alice.next('ack:N', { id: 'new', state: 'delivered' });
    client.msg(name, 'answer');
    await alice.next('msg:N', { id: 'answer' });
    alice.send({ type: 'ack:R', id: 'answer', from: bob });
    await client.next('ack:N', { id: 'answer', state: 'delivered' });
  });

  test('`admin erase` does the same', async () => {
    const [bob, name] = [someone('bob'), someone('alice')];
    await using alice = await connectAs(stack, one, name);
    alice.msg(bob, 'm');
    await alice.next('ack:N', { id: 'm', state: 'stored' });
    const said = { out: '', err: '' };
    const exit = await run(['erase', bob, '--json'], {
      env: { AMQP_URL: stack.amqpUrl, DATABASE_URL: stack.databaseUrl },
      out: (text) => (said.out += text),
      err: (text) => (said.err += text),
    });
    expect([exit, said.err]).toEqual([0, '']);
    expect(JSON.parse(said.out)).toEqual({ user: bob, at: expect.any(Number) as number });
    expect(await leftOf(bob)).toEqual([]);
    await expectRejected(alice, 'm');
  });
});

test('housekeeping deletes what was left in the outbox when EVENTS was emptied, if no instance can be about to publish it', async () => {
  await stack.sql('DELETE FROM event_outbox');
  for (const [owner, age] of [
    ['old', '11 minutes'],
    ['new', '1 minute'],
  ])
    await stack.sql(
      `INSERT INTO event_outbox (owner, type, fact, fields, stored_at) VALUES ($1, 'session.up', '{}', '{}', now() - $2::interval)`,
      [owner, age],
    );
  const owners = async () => (await stack.sql('SELECT owner FROM event_outbox')).map(({ owner }) => owner);
  await until(async () => (await owners()).length < 2, { what: 'the sweep' });
  expect(await owners()).toEqual(['new']);
  const [routing] = stack.routing as [ServiceHandle];
  await until(async () => (await logTail(routing.spec.logFile, 100)).includes('EVENTS is empty now'), {
    what: 'the log to say so',
  });
});

test('after all of that nothing is left in any queue, neither waiting nor unacknowledged', async () => {
  const queues = async () => [
    ...Array.from({ length: PARTITIONS }, (_, n) => routeQueue(n)),
    ...[ACK_QUEUE, RETURNED_QUEUE, DEAD_QUEUE],
    ...(await stack.sql('SELECT gateway FROM gateways')).map(({ gateway }) => gatewayQueue(String(gateway))),
  ];
  const waiting = () =>
    withChannel(stack, async (channel) => {
      const counts = [];
      for (const queue of await queues()) counts.push((await channel.checkQueue(queue)).messageCount);
      return counts;
    });
  const unacknowledged = async () => {
    const services = [...stack.gateways, ...stack.routing, ...stack.ack].filter(({ running }) => running);
    const metrics = await Promise.all(services.map((service) => stack.metrics(service)));
    return metrics.map((one) => one.value('sixfold_unacked_deliveries'));
  };
  // Leases come and go: a moment without any is enough, since what was left would be there in each.
  await until(async () => [...(await waiting()), ...(await unacknowledged())].every((count) => count === 0), {
    what: 'all queues to be empty',
  });
});
