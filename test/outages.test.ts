import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { emptyMailbox } from './harness/mailbox.ts';
import { connectAs, connectRaw, type RawClient } from './harness/raw-client.ts';
import type { ProcessHandle } from '../tools/testkit/process-handle.ts';
import type { ServiceHandle } from '../tools/testkit/service-handle.ts';
import { type Stack, startStack } from './harness/stack.ts';
import { until } from './harness/wait.ts';

/** Broker and database freeze, go away, crash, come late: nothing accepted is lost, and none of ours is started again (G1). */

const CONFIRM_TIMEOUT_MS = 2_000;
const SEND_WINDOW = 4;
/** The client is told within the confirm timeout; the rest is for a busy machine. */
const TOLD_WITHIN_MS = CONFIRM_TIMEOUT_MS + 20_000;

let stack: Stack;
let services: ServiceHandle[];
let pids: number[];
let one: ServiceHandle;
let two: ServiceHandle;
/** Both stay connected through all of it. */
let alice: RawClient;
let bob: RawClient;

beforeAll(async () => {
  stack = await startStack({
    ownInfrastructure: true,
    env: {
      CONFIRM_TIMEOUT_MS: String(CONFIRM_TIMEOUT_MS),
      SEND_WINDOW: String(SEND_WINDOW),
      GATEWAY_LEASE_MS: '4000',
      LOGIN_TIMEOUT_MS: '3000',
      AMQP_HEARTBEAT_S: '3',
    },
  });
  [one, two] = stack.gateways as [ServiceHandle, ServiceHandle];
  services = [...stack.gateways, ...stack.routing, ...stack.ack];
  pids = services.map(({ pid }) => pid);
  alice = await connectAs(stack, one, 'alice');
  bob = await connectAs(stack, two, 'bob');
});

afterAll(() => stack.stop());

afterEach(() => {
  expect(services.map(({ pid, running }) => running && pid)).toEqual(pids);
  for (const { ws } of [alice, bob]) expect(ws.readyState).toBe(ws.OPEN);
});

const ids = (count: number, prefix: string) => Array.from({ length: count }, (_, n) => `${prefix}${n}`);
const answer = (id: string, from = 'alice') => bob.send({ type: 'ack:R', id, from });
const statusOf = async ({ http }: ServiceHandle, path: string) => (await fetch(`${http}${path}`)).status;

async function untilReady(): Promise<void> {
  await until(
    async () => (await Promise.all(services.map((s) => statusOf(s, '/readyz')))).every((s) => s === 200),
    {
      what: 'all services to be ready',
      timeoutMs: 90_000, // a starved machine misses heartbeats while it sets up
    },
  );
}

/** Sends a message until it is accepted, as an outbox does. */
async function sendUntilAccepted(id: string): Promise<void> {
  await until(
    async () => {
      alice.msg('bob', id);
      return Promise.race([
        alice.next('msg:A', { id }),
        alice.next('error', ({ re }) => re?.id === id).then(() => false),
      ]);
    },
    { what: `${id} to be accepted`, intervalMs: 200 },
  );
}

/** Frozen until thawed, at the latest at the end of the block. */
function freeze(handle: ProcessHandle) {
  handle.signal('SIGSTOP');
  const thaw = () => handle.signal('SIGCONT');
  return { thaw, [Symbol.dispose]: thaw };
}

/** Adds what has come for bob, live or by mailbox; whether that is all of it. Answers what is live. */
async function takeAll(got: Set<string>, wanted: string[]): Promise<boolean> {
  for (const { id } of (await emptyMailbox(bob)).messages) got.add(id);
  for (const { id } of bob.all('msg:N', ({ id }) => wanted.includes(id) && !got.has(id))) {
    got.add(id);
    answer(id);
  }
  return wanted.every((id) => got.has(id));
}

/**
 * A message goes all the way, live, on the connections that were there before. On a starved machine a lease may have ended
 * meanwhile: until its gateway has announced its sessions again, messages wait in the mailbox.
 */
async function worksLive(name: string): Promise<void> {
  for (let n = 0; ; n++) {
    const id = `${name}-${n}`;
    await sendUntilAccepted(id);
    const isLive = await Promise.race([
      bob.next('msg:N', { id }).then(() => true),
      alice.next('ack:N', { id, state: 'stored' }).then(() => false),
    ]);
    if (isLive) {
      answer(id);
      await alice.next('ack:N', { id, state: 'delivered' });
      return;
    }
    await emptyMailbox(bob);
  }
}

test('a broker that does not answer: unavailable in time, window_full beyond the window; then all goes on', async () => {
  const extra = await stack.addGateway();
  await using carol = await connectAs(stack, one, 'carol');
  await worksLive('before-freeze');
  using frozen = freeze(stack.rabbitmq);
  const sent = [0, 1, 2, 3].flatMap((n) => [
    { sender: alice, id: `a${n}`, at: 0 },
    { sender: carol, id: `c${n}`, at: 0 },
  ]);
  for (const entry of sent) {
    entry.at = Date.now();
    entry.sender.msg('bob', entry.id);
    await delay(20); // each in a group of its own
  }
  alice.msg('bob', 'a4');
  expect(await alice.next('error', ({ re }) => re?.id === 'a4')).toMatchObject({ code: 'window_full' });
  for (const { sender, id, at } of sent) {
    const refusal = await sender.next('error', ({ re }) => re?.id === id);
    expect(refusal).toMatchObject({ code: 'unavailable', re: { type: 'msg:R', id } });
    const arrival = sender.packets.find(({ packet }) => packet === refusal);
    expect(Number(arrival?.receivedAt) - at, `${id} told in time`).toBeLessThan(TOLD_WITHIN_MS);
  }
  await until(async () => (await stack.metrics(extra)).value('sixfold_broker_connected') === 0, {
    what: 'the heartbeats to be missed',
    timeoutMs: 45_000,
  });
  expect(await extra.kill('SIGTERM')).toEqual({ code: 0, signal: null });
  frozen.thaw();

  await untilReady();
  for (const id of ids(5, 'a')) await sendUntilAccepted(id);
  const got = new Set<string>();
  await until(() => takeAll(got, ids(5, 'a')), { what: 'all to arrive', intervalMs: 100 });
  await worksLive('after-freeze');
});

test('a broker that is killed and comes back: requests are refused meanwhile, what was accepted arrives', async () => {
  await untilReady();
  const held = ids(SEND_WINDOW, 'held');
  for (const id of held) alice.msg('bob', id);
  await bob.next('msg:N', ({ id }) => id === held.at(-1));
  alice.msg('absent', 'for-later');
  await alice.next('msg:A', { id: 'for-later' });
  await alice.next('ack:N', { id: 'for-later', state: 'stored' });

  await stack.rabbitmq.kill('SIGKILL');
  const refusedAt = Date.now();
  alice.msg('bob', 'too-early');
  const refusal = await alice.next('error', ({ re }) => re?.id === 'too-early');
  expect(refusal).toMatchObject({ code: 'unavailable', re: { type: 'msg:R', id: 'too-early' } });
  expect(Date.now() - refusedAt).toBeLessThan(TOLD_WITHIN_MS);
  // An ack:R of the test before may be refused as well, on a slow machine.
  const refused = (type: string) => bob.next('error', ({ re }) => re?.type === type);
  bob.send({ type: 'offline:R' });
  expect(await refused('offline:R')).toMatchObject({ code: 'unavailable' });
  bob.send({ type: 'offline:A', keys: ['m1'] });
  expect(await refused('offline:A')).toMatchObject({ code: 'unavailable' });
  await using early = await connectRaw(two.url);
  early.send({ type: 'login:R', token: await stack.token('early') });
  expect(await early.next('error')).toMatchObject({ code: 'unavailable', re: { type: 'login:R' } });
  await until(
    async () => (await Promise.all(services.map((s) => statusOf(s, '/readyz')))).every((s) => s === 503),
    {
      what: 'no service to be ready',
    },
  );
  for (const service of services) expect(await statusOf(service, '/healthz')).toBe(200);
  expect((await stack.metrics(one)).value('sixfold_broker_connected')).toBe(0);

  await stack.rabbitmq.restart();
  await untilReady();
  await sendUntilAccepted('too-early');
  // What bob held is the heirs' by now; what comes from here on is live again, or stored if it was too early for that.
  const got = new Set<string>();
  await until(() => takeAll(got, [...held, 'too-early']), {
    what: 'all that was accepted to arrive',
    timeoutMs: 45_000,
    intervalMs: 200,
  });
  await until(
    async () => (await stack.sql("SELECT 1 FROM sessions WHERE user_id IN ('alice', 'bob')")).length === 2,
    { what: 'both sessions to be announced again' },
  );
  await worksLive('after-kill');
  await using late = await connectAs(stack, two, 'late');
  expect((await late.pull()).messages).toEqual([]);
  await using absent = await connectAs(stack, one, 'absent');
  expect((await emptyMailbox(absent)).messages.map(({ id }) => id)).toEqual(['for-later']);
});

test('a database that is away for seconds: messages are accepted all the same, and delivered in order', async () => {
  await untilReady();
  await worksLive('before-stop');
  await stack.postgres.stop();
  const sent = ids(12, 'p');
  for (const id of sent) {
    alice.msg('bob', id);
    await alice.next('msg:A', { id });
  }
  const [routing] = stack.routing as [ServiceHandle];
  await until(async () => (await statusOf(routing, '/readyz')) === 503, { what: 'routing to notice' });
  // They may be with bob, if routing remembers where he is; nothing is known of what became of them.
  expect(alice.all('ack:N', ({ id }) => sent.includes(id))).toEqual([]);
  await stack.postgres.restart();
  for (const id of sent) {
    await bob.next('msg:N', { id });
    answer(id);
  }
  await until(() => sent.every((id) => alice.all('ack:N', { id, state: 'delivered' }).length > 0), {
    what: 'delivered for all',
  });
  const order = bob.all('msg:N', ({ id }) => sent.includes(id)).map(({ id }) => id);
  expect([...new Set(order)]).toEqual(sent);
});

test('a database that crashes loses presence: it is announced again, and live delivery goes on', async () => {
  await untilReady();
  const presence = () =>
    stack.sql("SELECT user_id, session FROM sessions WHERE user_id IN ('alice', 'bob') ORDER BY 1");
  const name = async () => (await stack.sql('SELECT name FROM presence'))[0]?.['name'];
  const [before, nameBefore] = [await presence(), await name()];
  expect(before).toHaveLength(2);
  const [backend] = await stack.sql('SELECT pg_backend_pid() AS pid');
  process.kill(Number(backend?.['pid']), 'SIGKILL'); // the server ends all others and recovers, as from a crash
  const sent = ids(SEND_WINDOW, 'crash');
  for (const id of sent) alice.msg('bob', id);
  await until(async () => (await presence()).length === 2, {
    what: 'presence to be back',
    timeoutMs: 45_000,
  });
  expect(await name()).not.toBe(nameBefore);
  expect(await presence()).toEqual(before);
  // Those that were routed before the announcement are in the mailbox, and bob has been hinted at.
  const got = new Set<string>();
  await until(() => takeAll(got, sent), { what: 'all that was accepted to arrive', intervalMs: 100 });
  await worksLive('after-crash');
});

test('services end in order while broker and database are away, and wait for them when they start first', async () => {
  await untilReady();
  await Promise.all([stack.rabbitmq.kill('SIGKILL'), stack.postgres.stop()]);
  await Promise.all(services.map((handle) => handle.stop())); // fails unless each exits with 0 in time
  const restarting = Promise.all(services.map((handle) => handle.restart()));
  let ready = false;
  void restarting.then(() => (ready = true));
  await until(
    async () => (await Promise.all(services.map((s) => statusOf(s, '/healthz')))).every((s) => s === 200),
    {
      what: 'all services to live',
    },
  );
  for (const service of services) expect(await statusOf(service, '/readyz')).toBe(503);
  await expect(connectRaw(one.url)).rejects.toThrow('503'); // it could log nobody in
  expect(ready).toBe(false);
  await Promise.all([stack.rabbitmq.restart(), stack.postgres.restart()]);
  await restarting;
  pids = services.map(({ pid }) => pid);
  alice = await connectAs(stack, one, 'alice');
  bob = await connectAs(stack, two, 'bob');
  await worksLive('after-start');
});
