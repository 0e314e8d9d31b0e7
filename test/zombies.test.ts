import { afterAll, beforeAll, expect, test } from 'vitest';
import { routeQueue } from '#libs/broker/topology.ts';
import type { LoginA } from '#libs/protocol/server-packets.ts';
import { TcpProxy } from '../tools/testkit/tcp-proxy.ts';
import { emptyMailbox } from './harness/mailbox.ts';
import { withChannel } from './harness/queues.ts';
import { connectAs, connectRaw, isHint, type RawClient } from './harness/raw-client.ts';
import type { ServiceHandle } from '../tools/testkit/service-handle.ts';
import { type Stack, startStack } from './harness/stack.ts';
import { until } from './harness/wait.ts';

/**
 * A routing instance hangs while it handles a batch, loses its connection, and resumes after its successor has handled
 * that batch and later ones. Nothing that it still does may undo what happened meanwhile.
 */

/** No lease is renewed during the tests: a batch of routing then holds only what the test sent. */
const NO_RENEWALS = { GATEWAY_LEASE_MS: '600000' };
/** One, so that the instances do not share partitions out: the first consumer of the queue stays the active one. */
const ROUTE = routeQueue(0);

let stack: Stack;
let one: ServiceHandle;
let two: ServiceHandle;
/** Between the first routing instance and the broker, and the database. */
let toBroker: TcpProxy;
let toDatabase: TcpProxy;

beforeAll(async () => {
  stack = await startStack({ gateways: 0, routing: 0, env: { ...NO_RENEWALS, ROUTE_PARTITIONS: '1' } });
  toBroker = await TcpProxy.listen(Number(new URL(stack.amqpUrl).port));
  toDatabase = await TcpProxy.listen(Number(new URL(stack.databaseUrl).port));
  await stack.addRouting({
    AMQP_URL: through(toBroker, stack.amqpUrl),
    DATABASE_URL: through(toDatabase, stack.databaseUrl),
  });
  [one, two] = [await stack.addGateway(), await stack.addGateway()];
  await stack.addRouting();
});

afterAll(async () => {
  await stack.stop();
  await Promise.all([toBroker.close(), toDatabase.close()]);
});

function through(proxy: TcpProxy, address: string): string {
  const url = new URL(address);
  url.host = `127.0.0.1:${proxy.port}`;
  return url.href;
}

const presence = (user: string) =>
  stack.sql('SELECT session, since FROM sessions WHERE user_id = $1', [user]);

const sessionOf = (client: RawClient) => client.all('login:A')[0]?.session;

/** Entries that an instance published. */
const live = async (handle: ServiceHandle) =>
  (await stack.metrics(handle)).value('sixfold_batch_entries_sum', { stage: 'live' });

/** Entries that an instance began to handle. */
const begun = async (handle: ServiceHandle) =>
  (await stack.metrics(handle)).value('sixfold_batch_entries_sum', { stage: 'routing' });

/** Sessions that the gateways have, and those in presence: they differ while a login or a logout is under way. */
async function sessionCounts(): Promise<[gateways: number, presence: number]> {
  const counts = [one, two].map(async (gateway) => (await stack.metrics(gateway)).value('sixfold_sessions'));
  const [first = 0, second = 0] = await Promise.all(counts);
  return [first + second, (await stack.sql('SELECT FROM sessions')).length];
}

/** Makes the first routing instance the active consumer of the route queue. It handles nothing, and the other waits behind it. */
async function activateFirst(first: ServiceHandle, other: ServiceHandle): Promise<void> {
  await other.stop();
  await until(
    async () => {
      const { messageCount, consumerCount } = await withChannel(stack, (channel) =>
        channel.checkQueue(ROUTE),
      );
      const unfinished = (await stack.metrics(first)).value('sixfold_unacked_deliveries');
      const [connected, present] = await sessionCounts();
      const isIdle = messageCount === 0 && unfinished === 0 && connected === present;
      return consumerCount === 1 && isIdle; // the only instance that runs
    },
    { what: 'the first routing instance to consume, and to have nothing to do' },
  );
  await other.restart();
}

/** The first routing instance begins to handle what `cause` sends, and waits for its database. */
async function hang<T>(cause: () => T): Promise<Awaited<T>> {
  const [first, other] = stack.routing as [ServiceHandle, ServiceHandle];
  await activateFirst(first, other);
  const before = await begun(first);
  toDatabase.stall();
  const caused = await cause();
  await until(async () => (await begun(first)) > before, { what: 'the first instance to begin the batch' });
  return caused;
}

/**
 * The same, and the broker then gives the batch to the other instance. After `resume` the first one continues; it
 * resolves when the result is published.
 */
async function overtake(cause: () => unknown) {
  await hang(cause);
  const [first] = stack.routing as [ServiceHandle];
  const sent = await live(first);
  toBroker.reset();
  return {
    resume: async () => {
      toDatabase.resume();
      await until(async () => (await live(first)) > sent, { what: 'the first instance to continue' });
    },
  };
}

/** A message goes all the way, live. */
async function worksLive(user: string, receiver: RawClient, id: string): Promise<void> {
  await using alice = await connectAs(stack, one, `friend-of-${user}`);
  alice.msg(user, id);
  await receiver.next('msg:N', { id });
  receiver.send({ type: 'ack:R', id, from: `friend-of-${user}` });
  await alice.next('ack:N', { id, state: 'delivered' });
  expect(receiver.bye).toBeUndefined();
}

test('a login that was overtaken does not displace the later one', async () => {
  const user = 'ann';
  const overtaken: RawClient[] = [];
  const logins: Promise<LoginA>[] = [];
  const zombie = await overtake(async () => {
    const client = await connectRaw(one.url, { token: await stack.token(user) });
    overtaken.push(client);
    logins.push(client.login());
  });
  await Promise.all(logins);
  await using current = await connectAs(stack, two, user);
  expect((await overtaken[0]?.closed)?.code).toBe(4409);
  const there = await presence(user);
  expect(there).toMatchObject([{ session: sessionOf(current) }]);
  await zombie.resume();
  expect(await presence(user)).toEqual(there);
  await worksLive(user, current, 'after-zombie');
});

test('nor does one that is delivered again, by itself', async () => {
  await using older = await connectAs(stack, one, 'ben');
  const [row] = await stack.sql("SELECT session, gateway, since FROM sessions WHERE user_id = 'ben'");
  await using newer = await connectAs(stack, two, 'ben');
  expect((await older.closed).code).toBe(4409);
  const { session, gateway, since } = row ?? {};
  const login = {
    kind: 'session-up',
    user: 'ben',
    device: 'default',
    session,
    gateway,
    since: Number(since),
  };
  await withChannel(stack, async (channel) => {
    const content = JSON.stringify([{ ...login, again: false }]);
    channel.sendToQueue(ROUTE, Buffer.from(content));
    await channel.waitForConfirms();
  });
  await worksLive('ben', newer, 'after-again'); // through the same queue, behind it
  expect(await presence('ben')).toMatchObject([{ session: sessionOf(newer) }]);
});

test('a login through a gateway whose clock is behind takes the place all the same', async () => {
  await using older = await connectAs(stack, one, 'cat');
  await stack.sql("UPDATE sessions SET since = since + 3600000 WHERE user_id = 'cat'");
  await using newer = await connectAs(stack, two, 'cat');
  expect((await older.closed).code).toBe(4409);
  expect(await presence('cat')).toMatchObject([{ session: sessionOf(newer) }]);
  await worksLive('cat', newer, 'after-late');
});

test('a login that its client has given up does not displace the one that came after it', async () => {
  await using newer = await connectAs(stack, two, 'eve');
  await stack.sql("UPDATE sessions SET since = since + 3600000 WHERE user_id = 'eve'");
  let sent = Infinity;
  await using givenUp = await hang(async () => {
    const token = await stack.token('eve');
    const client = await connectRaw(one.url, { token });
    sent = Date.now();
    client.send({ type: 'login:R', token });
    return client;
  });
  await until(() => Date.now() - sent > 1_200, { what: 'it to be no login at the same moment' });
  toDatabase.resume();
  await givenUp.next('error', { code: 'unavailable' });
  await worksLive('eve', newer, 'after-given-up');
  expect(givenUp.all('login:A')).toEqual([]);
});

test('a message that was overtaken comes once more at most, from the mailbox, and leaves nothing behind', async () => {
  const user = 'dan';
  await using alice = await connectAs(stack, one, 'friend-of-dan');
  const zombie = await overtake(() => alice.msg(user, 'twice'));
  await alice.next('ack:N', { id: 'twice', state: 'stored' });
  await using current = await connectAs(stack, two, user);
  expect((await emptyMailbox(current)).messages).toMatchObject([{ id: 'twice' }]);
  await alice.next('offline:N', isHint);
  expect((await emptyMailbox(alice)).receipts).toMatchObject([{ id: 'twice', state: 'delivered' }]);
  await zombie.resume();
  const live = current.all('msg:N');
  for (const { id, from } of live) current.send({ type: 'ack:R', id, from });
  const { messages } = await emptyMailbox(current);
  expect(live.length + messages.length).toBeLessThanOrEqual(1);
  await until(async () => (await stack.sql('SELECT FROM offline_messages')).length === 0, {
    what: 'an empty mailbox',
  });
  await worksLive(user, current, 'after-twice');
});
