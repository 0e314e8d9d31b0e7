import { afterAll, beforeAll, expect, test } from 'vitest';
import { GATEWAY_EXCHANGE, gatewayQueue, RETURNED_QUEUE } from '#libs/broker/topology.ts';
import { emptyMailbox } from './harness/mailbox.ts';
import { queueExists, withChannel } from './harness/queues.ts';
import { connectAs, type RawClient } from './harness/raw-client.ts';
import type { ServiceHandle } from '../tools/testkit/service-handle.ts';
import { type Stack, startStack } from './harness/stack.ts';
import { until } from './harness/wait.ts';

/** An operator, or a restored database, takes away what a gateway's lease stands on: it notices, and nothing is lost. */

const GATEWAY_LEASE_MS = 3_000;

let stack: Stack;
let one: ServiceHandle;
let two: ServiceHandle;

beforeAll(async () => {
  stack = await startStack({
    env: { GATEWAY_LEASE_MS: String(GATEWAY_LEASE_MS), ACK_TIMEOUT_MS: '60000' },
  });
  [one, two] = stack.gateways as [ServiceHandle, ServiceHandle];
});

afterAll(() => stack.stop());

/** `<gateway id>.<incarnation>`, of those that count. */
async function incarnationOf(gateway: ServiceHandle): Promise<string | undefined> {
  const [row] = await stack.sql(
    'SELECT gateway FROM gateways WHERE gateway LIKE $1 AND NOT removed ORDER BY last_seen DESC',
    [`${gateway.name}.%`],
  );
  return row && String(row['gateway']);
}

const statusOf = async (gateway: ServiceHandle) => (await fetch(`${gateway.http}/readyz`)).status;

/** Adds what has come, live or by mailbox, and answers it. */
async function takeAll(client: RawClient, from: string, got: Set<string>): Promise<Set<string>> {
  for (const { id } of (await emptyMailbox(client)).messages) got.add(id);
  for (const { id } of client.all('msg:N', ({ id }) => !got.has(id))) {
    got.add(id);
    client.send({ type: 'ack:R', from, id });
  }
  return got;
}

test.each<[string, (incarnation: string) => Promise<unknown>]>([
  [
    'its queue is unbound',
    (incarnation) =>
      withChannel(stack, (channel) =>
        channel.unbindQueue(gatewayQueue(incarnation), GATEWAY_EXCHANGE, incarnation),
      ),
  ],
  [
    'the exchange is deleted',
    (incarnation) =>
      withChannel(stack, (channel) => channel.deleteExchange(GATEWAY_EXCHANGE).then(() => incarnation)),
  ],
  [
    'its queue is unbound, and so is that for what comes back',
    (incarnation) =>
      withChannel(stack, async (channel) => {
        await channel.unbindQueue(RETURNED_QUEUE, 'sixfold.returned', '');
        await channel.unbindQueue(gatewayQueue(incarnation), GATEWAY_EXCHANGE, incarnation);
      }),
  ],
  [
    'its row is deleted',
    (incarnation) => stack.sql('DELETE FROM gateways WHERE gateway = $1', [incarnation]),
  ],
])('%s: a new incarnation, and all that was sent arrives', async (what, fault) => {
  const [from, to] = [`alice of ${what}`, `bob of ${what}`].map((name) => name.replaceAll(/[ ,]+/g, '-')) as [
    string,
    string,
  ];
  await using alice = await connectAs(stack, one, from);
  await using bob = await connectAs(stack, two, to);
  alice.msg(to, 'held'); // in flight: bob does not answer yet
  await bob.next('msg:N', { id: 'held' });
  const before = String(await incarnationOf(two));
  await fault(before);
  const sent = ['held', ...Array.from({ length: 10 }, (_, n) => `m${n}`)];
  for (const id of sent.slice(1)) alice.msg(to, id);
  await alice.next('msg:A', { id: 'm9' });

  await until(async () => ![before, undefined].includes(await incarnationOf(two)), {
    what: 'a new incarnation',
  });
  await using newcomer = await connectAs(stack, two, `${to}-friend`);
  expect(newcomer.all('error')).toEqual([]);
  const got = new Set<string>();
  await until(async () => (await takeAll(bob, from, got)).size === sent.length, {
    what: 'all to arrive',
    intervalMs: 200,
  });
  await until(async () => (await statusOf(two)) === 200, { what: 'it to be ready' });
  expect(bob.ws.readyState).toBe(bob.ws.OPEN);
  await until(async () => !(await queueExists(stack, gatewayQueue(before))), {
    what: 'the old queue to be worked off and removed',
  });
  expect(await stack.sql('SELECT FROM offline_messages WHERE recipient = $1', [to])).toEqual([]);
});

test('its queue is deleted: what was in flight here is in the mailbox', async () => {
  await using alice = await connectAs(stack, one, 'alice-deleted');
  await using bob = await connectAs(stack, two, 'bob-deleted');
  alice.msg('bob-deleted', 'held');
  await bob.next('msg:N', { id: 'held' });
  const before = String(await incarnationOf(two));
  await withChannel(stack, (channel) => channel.deleteQueue(gatewayQueue(before)));
  await alice.next('ack:N', { id: 'held', state: 'stored' });
  await until(async () => ![before, undefined].includes(await incarnationOf(two)), {
    what: 'a new incarnation',
  });
  const got = new Set<string>();
  await until(async () => (await takeAll(bob, 'alice-deleted', got)).has('held'), { what: 'it to arrive' });
});

test('its row is deleted, it is killed, and so is routing: what its queue holds arrives all the same', async () => {
  const three = await stack.addGateway();
  const alice = await connectAs(stack, one, 'alice-unlisted');
  const bob = await connectAs(stack, three, 'bob-unlisted');
  alice.msg('bob-unlisted', 'held');
  await bob.next('msg:N', { id: 'held' });
  const incarnation = String(await incarnationOf(three));
  const [routing] = stack.routing as [ServiceHandle];
  await Promise.all([routing.kill('SIGKILL'), three.kill('SIGKILL')]);
  await stack.sql('DELETE FROM gateways WHERE gateway = $1', [incarnation]);
  await routing.restart();
  await alice.next('ack:N', { id: 'held', state: 'stored' });
  await until(async () => !(await queueExists(stack, gatewayQueue(incarnation))), {
    what: 'the queue to be removed',
  });
  await Promise.all([alice.close(), bob.close()]);
});

test('a session is deleted from presence: it is found, and announced again', async () => {
  await using alice = await connectAs(stack, one, 'alice-deaf');
  await using bob = await connectAs(stack, two, 'bob-deaf');
  const presence = () => stack.sql("SELECT session, gateway FROM sessions WHERE user_id = 'bob-deaf'");
  const before = await presence();
  await stack.sql("DELETE FROM sessions WHERE user_id = 'bob-deaf'");
  alice.msg('bob-deaf', 'stored');
  await until(async () => (await presence()).length === 1, { what: 'the session to be announced again' });
  expect(await presence()).toEqual(before);
  const got = new Set<string>();
  await until(async () => (await takeAll(bob, 'alice-deaf', got)).has('stored'), { what: 'it to arrive' });
  alice.msg('bob-deaf', 'live');
  await bob.next('msg:N', { id: 'live' });
  expect((await stack.metrics(two)).value('sixfold_presence_repairs_total')).toBeGreaterThan(0);
});

test('routing is away for two leases: not ready, logins are held, and then the same incarnation goes on', async () => {
  const before = await incarnationOf(two);
  const [routing] = stack.routing as [ServiceHandle];
  routing.signal('SIGSTOP');
  await until(async () => (await statusOf(two)) === 503, { what: 'it to be not ready' });
  const login = connectAs(stack, two, 'patient');
  await until(async () => (await stack.metrics(two)).value('sixfold_connections') > 0, { what: 'the login' });
  routing.signal('SIGCONT');
  await using patient = await login;
  expect(patient.all('error')).toEqual([]);
  await until(async () => (await statusOf(two)) === 200, { what: 'it to be ready' });
  expect(await incarnationOf(two)).toBe(before);
});
