import { SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DEAD_QUEUE, RETURNED_QUEUE, SIGNAL_EXCHANGE, SIGNAL_QUEUE } from '#libs/broker/topology.ts';
import type { ServiceHandle } from '../tools/testkit/service-handle.ts';
import { queueExists, withChannel } from './harness/queues.ts';
import { connectAs, connectRaw, type RawClient } from './harness/raw-client.ts';
import { type Stack, startStack } from './harness/stack.ts';
import { until } from './harness/wait.ts';

/** Typing and the like: to the sessions that are there now, or to nobody; and never in the way of a message. */

const UNLIMITED = { RATE_BURST: '100000', RATE_LIMIT_PER_S: '100000' };

let stack: Stack;
let users = 0;
/** A user that no other test knows. */
const someone = (name: string) => `${name}-${++users}`;

beforeAll(async () => {
  stack = await startStack({
    env: { MAX_RECEIVERS: '30' },
  });
});

afterAll(() => stack.stop());

const connected = (user: string, gateway = 0, device = 'default') =>
  connectAs(stack, stack.gateways[gateway], user, { device });

/** How many signals came to each end so far, all services together. */
async function tally(of = stack): Promise<Record<'live' | 'away' | 'dropped', number>> {
  const services = [...of.gateways, ...of.routing].filter(({ running }) => running);
  const metrics = await Promise.all(services.map((service) => of.metrics(service)));
  const count = (outcome: string) =>
    metrics.reduce((sum, one) => sum + one.value('sixfold_signals_total', { outcome }), 0);
  return { live: count('live'), away: count('away'), dropped: count('dropped') };
}

/** Waits until the outcome was counted `by` times more than before. */
async function counted(outcome: 'live' | 'away' | 'dropped', by: number, use: () => unknown): Promise<void> {
  const before = await tally();
  await use();
  await until(async () => (await tally())[outcome] - before[outcome] >= by, {
    what: `${by} signals counted as ${outcome}`,
  });
  expect((await tally())[outcome] - before[outcome]).toBe(by);
}

/** A client whose token says whom it may write to. */
async function restricted(user: string, canSend: string[]): Promise<RawClient> {
  const token = await new SignJWT({ sub: user, can_send: canSend })
    .setProtectedHeader({ alg: 'HS256' })
    .setExpirationTime('1h')
    .sign(new TextEncoder().encode(stack.secret));
  const client = await connectRaw(stack.gateways[0]?.url ?? '', { token });
  await client.login();
  return client;
}

describe('a signal', () => {
  test('reaches every session of its receiver, on every gateway, as it was written', async () => {
    const bob = someone('bob');
    await using alice = await connected(someone('alice'));
    await using phone = await connected(bob, 0, 'phone');
    await using desk = await connected(bob, 1, 'desk');
    const before = Date.now();
    await counted('live', 2, () =>
      alice.send(`{"type":"signal:R","to":"${bob}","body": {"n":-0, "s":"\\u0000"} }`),
    );
    for (const client of [phone, desk]) {
      const signal = await client.next('signal:N');
      const { at } = signal;
      expect(Math.abs(at - before)).toBeLessThan(60_000);
      expect(client.textOf(signal)).toBe(
        `{"type":"signal:N","from":"${phone.all('signal:N')[0]?.from ?? ''}","body":{"n":-0, "s":"\\u0000"},"at":${at}}`,
      );
    }
    expect(phone.all('signal:N')[0]?.from).toMatch(/^alice-/);
    // No answer, no receipt, and nothing in a mailbox.
    alice.send({ type: 'ping' });
    await alice.next('pong');
    expect(alice.packets.map(({ packet }) => packet.type)).toEqual(['login:A', 'pong']);
    expect(await desk.pull()).toMatchObject({ messages: [], receipts: [], more: false });
  });

  test('carries its thread', async () => {
    const bob = someone('bob');
    await using alice = await connected(someone('alice'));
    await using client = await connected(bob, 1);
    alice.send({ type: 'signal:R', to: bob, body: 'typing', thread: 'group:1' });
    expect(await client.next('signal:N')).toMatchObject({ body: 'typing', thread: 'group:1' });
    alice.send({ type: 'signal:R', to: bob, body: 'typing' });
    expect(await client.next('signal:N')).not.toHaveProperty('thread');
  });

  test('to a list reaches those who are there; the others count as away', async () => {
    const [bob, carol] = [someone('bob'), someone('carol')];
    await using alice = await connected(someone('alice'));
    await using b = await connected(bob, 0);
    await using c = await connected(carol, 1);
    const to = [bob, someone('away'), carol, someone('away')];
    await counted('away', 2, () => alice.send({ type: 'signal:R', to, body: 1 }));
    for (const client of [b, c]) expect(await client.next('signal:N')).toMatchObject({ body: 1 });
  });

  test('finds a session that has just begun', async () => {
    const bob = someone('bob');
    await using alice = await connected(someone('alice'));
    for (let n = 0; n < 5; n++) {
      alice.send({ type: 'signal:R', to: bob, body: 'before' });
      await using client = await connected(bob, n % 2);
      alice.send({ type: 'signal:R', to: bob, body: n });
      await client.next('signal:N', { body: n });
    }
  });

  test('to a user who is away is counted, and kept nowhere', async () => {
    const away = someone('away');
    await using alice = await connected(someone('alice'));
    await counted('away', 1, () => alice.send({ type: 'signal:R', to: away, body: 'typing' }));
    await using client = await connected(away);
    expect(await client.pull()).toMatchObject({ messages: [], receipts: [], more: false });
    expect(client.all('signal:N')).toEqual([]);
    expect(await stack.sql('SELECT 1 FROM offline_messages WHERE recipient = $1', [away])).toEqual([]);
    await withChannel(stack, async (channel) => {
      for (const queue of [DEAD_QUEUE, RETURNED_QUEUE])
        expect((await channel.checkQueue(queue)).messageCount).toBe(0);
    });
  });

  test('to oneself reaches the own sessions', async () => {
    const alice = someone('alice');
    await using phone = await connected(alice, 0, 'phone');
    await using desk = await connected(alice, 1, 'desk');
    phone.send({ type: 'signal:R', to: alice, body: 'draft' });
    for (const client of [phone, desk]) await client.next('signal:N', { from: alice, body: 'draft' });
  });
});

describe('what is refused', () => {
  const long = 'é'.repeat(511); // 1,022 bytes, and two quotes

  test.each([
    ['a body of 1,025 bytes', { body: `${long}a` }, 'body'],
    ['no body', {}, 'body'],
    ['no receiver', { to: [], body: 1 }, 'to'],
    ['a receiver twice', { to: ['bob', 'bob'], body: 1 }, 'to'],
    ['more receivers than may be', { to: Array.from({ length: 31 }, (_, n) => `bob-${n}`), body: 1 }, 'to'],
    ['a thread that is no name', { body: 1, thread: 'a b' }, 'thread'],
  ])('%s is a bad packet, named', async (_what, fields, field) => {
    await using alice = await connected(someone('alice'));
    alice.send(JSON.stringify({ type: 'signal:R', to: 'bob', ...fields }));
    const { code, message, re } = await alice.next('error');
    expect({ code, re }).toEqual({ code: 'bad_packet', re: { type: 'signal:R' } });
    expect(message).toMatch(new RegExp(`^${field}: `));
  });

  test('a body of 1,024 bytes is taken', async () => {
    const bob = someone('bob');
    await using alice = await connected(someone('alice'));
    await using client = await connected(bob, 1);
    alice.send({ type: 'signal:R', to: bob, body: long });
    await client.next('signal:N', { body: long });
  });

  test('whom it may not write to: forbidden, with the list where there is one, and nothing is sent', async () => {
    const [bob, carol] = [someone('bob'), someone('carol')];
    await using alice = await restricted(someone('alice'), [bob]);
    await using b = await connected(bob, 1);
    alice.send({ type: 'signal:R', to: carol, body: 1 });
    expect(await alice.next('error')).toMatchObject({ code: 'forbidden', re: { type: 'signal:R' } });
    alice.send({ type: 'signal:R', to: [bob, carol], body: 2 });
    expect(await alice.next('error')).toMatchObject({
      code: 'forbidden',
      re: { type: 'signal:R', to: [carol] },
    });
    alice.send({ type: 'signal:R', to: bob, body: 3 });
    await b.next('signal:N', { body: 3 });
    expect(b.all('signal:N')).toHaveLength(1);
  });

  test('above the rate: rate_limited; a packet per ten receivers', async () => {
    const slow = await stack.addGateway({ RATE_LIMIT_PER_S: '0.001', RATE_BURST: '5' });
    await using alice = await connectAs(stack, slow, someone('alice'));
    const eleven = Array.from({ length: 11 }, () => someone('away'));
    alice.send({ type: 'signal:R', to: eleven, body: 1 });
    alice.send({ type: 'signal:R', to: eleven, body: 2 });
    alice.send({ type: 'signal:R', to: 'bob', body: 3 });
    alice.send({ type: 'signal:R', to: 'bob', body: 4 });
    expect(await alice.next('error')).toMatchObject({ code: 'rate_limited', re: { type: 'signal:R' } });
    expect(alice.all('error')).toHaveLength(1);
  });

  test('before login: not_logged_in', async () => {
    await using client = await connectRaw(stack.gateways[0]?.url ?? '');
    client.send({ type: 'signal:R', to: 'bob', body: 1 });
    expect(await client.next('error')).toMatchObject({ code: 'not_logged_in', re: { type: 'signal:R' } });
    expect((await client.closed).code).toBe(4401);
  });
});

describe('a flood', () => {
  const BODY = 'x'.repeat(1_000);
  const AT_A_TIME = 100;
  const MESSAGES = 300;
  /** Of all three processes: what waits for collection, too. The flood is gigabytes. */
  const MOST_MEMORY = 512 * 1024 * 1024;

  /** Its tail goes on for a while; no other test counts with it. */
  let stack: Stack;

  beforeAll(async () => {
    stack = await startStack({ env: UNLIMITED });
  });

  afterAll(() => stack.stop());

  const connected = (user: string, gateway = 0) => connectAs(stack, stack.gateways[gateway], user);

  const memory = async () => {
    const services = [...stack.gateways, ...stack.routing];
    const metrics = await Promise.all(services.map((service) => stack.metrics(service)));
    return metrics.reduce((sum, one) => sum + one.value('process_resident_memory_bytes'), 0);
  };

  test('is dropped before a client that reads nothing; it stays, and loses no message', async () => {
    const bob = someone('bob');
    await using alice = await connected(someone('alice'));
    await using client = await connected(bob, 1);
    client.ws.pause();
    const before = await tally(stack);
    await until(
      async () => {
        for (let n = 0; n < AT_A_TIME; n++) alice.send({ type: 'signal:R', to: bob, body: BODY });
        return (await tally(stack)).dropped > before.dropped + AT_A_TIME;
      },
      { what: 'signals to be dropped', timeoutMs: 120_000 },
    );
    client.ws.resume();
    alice.msg(bob, 'm1');
    await client.next('msg:N', { id: 'm1' });
    expect(client.bye).toBeUndefined();
  });

  test('delays no message: all are delivered live while signals are dropped, in bounded memory', async () => {
    const silent = Array.from({ length: 10 }, () => someone('silent'));
    const readers = await Promise.all(silent.map((user, n) => connected(user, n % 2)));
    for (const { ws } of readers) ws.pause();
    const flooders = await Promise.all([0, 1].map((gateway) => connected(someone('flooder'), gateway)));
    const bob = someone('bob');
    await using alice = await connected(someone('alice'));
    await using receiver = await connectAs(stack, stack.gateways[1], bob, { autoAck: true });
    const before = { ...(await tally(stack)), memory: await memory() };
    const flood = () => {
      for (const { ws } of flooders)
        // What the kernel does not take at once would only wait in this process.
        for (let n = 0; n < AT_A_TIME && ws.bufferedAmount === 0; n++)
          ws.send(JSON.stringify({ type: 'signal:R', to: silent, body: BODY }));
    };
    const flooding = setInterval(flood, 5);
    await until(async () => (await tally(stack)).dropped > before.dropped, {
      what: 'the flood to be too much',
    });
    for (let n = 0; n < MESSAGES; n++) {
      alice.msg(bob, `m${n}`);
      await alice.next('ack:N', { id: `m${n}`, state: 'delivered' });
    }
    const after = { ...(await tally(stack)), memory: await memory() };
    clearInterval(flooding);
    expect(receiver.all('msg:N')).toHaveLength(MESSAGES);
    expect(alice.all('error')).toEqual([]);
    expect(after.dropped - before.dropped).toBeGreaterThan(MESSAGES);
    expect(after.memory - before.memory).toBeLessThan(MOST_MEMORY);
    await Promise.all([...flooders, ...readers].map((client) => client.terminate()));
  });
});

/** Sends signals until one arrives: those that are sent before all services are connected again are dropped. */
async function untilOneArrives(send: () => void, receiver: RawClient): Promise<void> {
  const before = receiver.all('signal:N').length;
  const sending = setInterval(send, 100);
  try {
    await until(() => receiver.all('signal:N').length > before, {
      what: 'a signal to arrive',
      timeoutMs: 90_000,
    });
  } finally {
    clearInterval(sending);
  }
}

describe('when something is away', () => {
  test('routing: signals are dropped, and counted; messages are accepted, and arrive later', async () => {
    const bob = someone('bob');
    await using alice = await connected(someone('alice'));
    await using client = await connected(bob, 1);
    const [routing] = stack.routing as [ServiceHandle];
    await routing.kill();
    await until(async () => !(await queueExists(stack, SIGNAL_QUEUE)), { what: 'the queue to go' });
    await counted('dropped', 3, () => {
      for (let n = 0; n < 3; n++) alice.send({ type: 'signal:R', to: bob, body: n });
      alice.msg(bob, 'm1');
    });
    await alice.next('msg:A', { id: 'm1' });
    await routing.restart();
    await client.next('msg:N', { id: 'm1' });
    await untilOneArrives(() => alice.send({ type: 'signal:R', to: bob, body: 'again' }), client);
    expect(alice.all('error')).toEqual([]);
    expect(client.all('signal:N').every(({ body }) => body === 'again')).toBe(true);
  });

  test('the broker: the same, and a session lives on', async () => {
    await using own = await startStack({ ownInfrastructure: true });
    await using alice = await connectAs(own, own.gateways[0], 'alice');
    await using bob = await connectAs(own, own.gateways[1], 'bob');
    const signal = (body: string) => alice.send({ type: 'signal:R', to: 'bob', body });
    signal('before');
    await bob.next('signal:N', { body: 'before' });
    await own.rabbitmq.kill();
    const before = await tally(own);
    signal('away');
    await until(async () => (await tally(own)).dropped > before.dropped, { what: 'it to be counted' });
    await own.rabbitmq.restart();
    await untilOneArrives(() => signal('after'), bob);
    expect(bob.all('signal:N', { body: 'away' })).toEqual([]);
    expect(alice.all('error')).toEqual([]);
  });

  test("a gateway's queue for signals: a new one follows", async () => {
    const bob = someone('bob');
    await using alice = await connected(someone('alice'));
    await using client = await connected(bob, 1);
    const [, gateway] = stack.gateways as [ServiceHandle, ServiceHandle];
    await gateway.restart();
    await client.closed;
    await using back = await connected(bob, 1);
    alice.send({ type: 'signal:R', to: bob, body: 1 });
    await back.next('signal:N', { body: 1 });
  });
});

test('a signal is not persistent in the broker, on either of its ways', async () => {
  const peer = someone('bob');
  await using alice = await connectAs(stack, stack.gateways[0], someone('alice'));
  await using bob = await connectAs(stack, stack.gateways[1], peer);
  const [row] = await stack.sql('SELECT gateway FROM sessions WHERE user_id = $1', [peer]);
  const [gatewayId = ''] = String(row?.['gateway']).split('.');
  await withChannel(stack, async (channel) => {
    const modes = { routing: [] as unknown[], gateway: [] as unknown[] };
    const look = (queue: string, seen: unknown[]) =>
      channel.consume(queue, (message) => seen.push(message?.properties.deliveryMode), { noAck: true });
    const { queue } = await channel.assertQueue('', { exclusive: true });
    await channel.bindQueue(queue, SIGNAL_EXCHANGE, gatewayId);
    await look(queue, modes.gateway);
    await look(SIGNAL_QUEUE, modes.routing); // beside routing: one of two
    const both = () => {
      alice.send({ type: 'signal:R', to: peer, body: 1 });
      return modes.routing.length > 0 && modes.gateway.length > 0;
    };
    await until(both, { what: 'signals on both ways', intervalMs: 50 });
    for (const mode of [...modes.routing, ...modes.gateway]) expect(mode).not.toBe(2);
  });
  await bob.next('signal:N');
});
