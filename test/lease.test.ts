import { afterAll, beforeAll, expect, test } from 'vitest';
import { emptyMailbox } from './harness/mailbox.ts';
import { connectAs, isHint, type RawClient } from './harness/raw-client.ts';
import type { ServiceHandle } from '../tools/testkit/service-handle.ts';
import { type Stack, startStack } from './harness/stack.ts';
import { until } from './harness/wait.ts';

/** Gateways that live and whose lease lapsed: their sessions do not count for a while, and nobody loses anything. */

const GATEWAY_LEASE_MS = 3_000;
/** Routing remembers nobody: leases end here as if time had passed, by a change of the table. */
const SETTINGS = { PRESENCE_CACHE_MS: '0' };

let stack: Stack;
let one: ServiceHandle;
let two: ServiceHandle;

beforeAll(async () => {
  stack = await startStack({ env: { ...SETTINGS, GATEWAY_LEASE_MS: String(GATEWAY_LEASE_MS) } });
  [one, two] = stack.gateways as [ServiceHandle, ServiceHandle];
});

afterAll(() => stack.stop());

const ack = (client: RawClient, from: string, id: string) => client.send({ type: 'ack:R', from, id });

/** A message goes all the way, live. */
async function worksLive(sender: RawClient, from: string, receiver: RawClient, to: string): Promise<void> {
  sender.msg(to, 'works');
  await receiver.next('msg:N', { id: 'works' });
  ack(receiver, from, 'works');
  await sender.next('ack:N', { id: 'works', state: 'delivered' });
}

/** Right after it, the next renewal is furthest away. */
async function untilRenewed(gateway: ServiceHandle): Promise<void> {
  const seen = async () =>
    (await stack.sql('SELECT last_seen::text FROM gateways WHERE gateway LIKE $1', [`${gateway.name}.%`]))[0];
  const before = await seen();
  await until(async () => (await seen())?.['last_seen'] !== before?.['last_seen'], { what: 'a renewal' });
}

const incarnations = () => stack.sql('SELECT gateway, removed FROM gateways ORDER BY gateway');

test('a lease that lapsed between two renewals: what came is in the mailbox, what was in flight stays live', async () => {
  await using alice = await connectAs(stack, one, 'alice-1');
  await using bob = await connectAs(stack, two, 'bob-1');
  alice.msg('bob-1', 'before');
  await bob.next('msg:N', { id: 'before' });
  const before = await incarnations();
  // As if two's renewals had not come through: routing takes its sessions for gone, until the next one.
  const sent = Array.from({ length: 20 }, (_, n) => `m${n}`);
  await untilRenewed(two);
  await stack.sql("UPDATE gateways SET last_seen = now() - $1 * interval '1 ms' WHERE gateway LIKE $2", [
    1.5 * GATEWAY_LEASE_MS,
    `${two.name}.%`,
  ]);
  for (const id of sent) alice.msg('bob-1', id);
  await until(() => alice.all('ack:N').length >= 1, { what: 'some to be stored' });
  ack(bob, 'alice-1', 'before');
  await alice.next('ack:N', { id: 'before', state: 'delivered' });

  const got = new Set<string>();
  await bob.next('offline:N', isHint); // announced again
  await until(
    async () => {
      for (const { id } of (await emptyMailbox(bob)).messages) got.add(id);
      for (const { id } of bob.all('msg:N', ({ id }) => id !== 'before' && !got.has(id))) {
        got.add(id);
        ack(bob, 'alice-1', id);
      }
      return got.size === sent.length;
    },
    { what: 'all to arrive' },
  );
  expect(await incarnations()).toEqual(before);
  expect(bob.ws.readyState).toBe(bob.ws.OPEN);
  await worksLive(alice, 'alice-1', bob, 'bob-1');
});

test('routing that was away for longer than the leases ends nobody’s incarnation when it is back', async () => {
  await using alice = await connectAs(stack, two, 'alice-2');
  await using bob = await connectAs(stack, one, 'bob-2');
  const before = await incarnations();
  expect(before.map(({ removed }) => removed)).toEqual([false, false]);
  for (const handle of stack.routing) handle.signal('SIGSTOP');
  const silent = () =>
    stack.sql("SELECT FROM gateways WHERE last_seen < now() - $1::integer * interval '1 ms'", [
      2 * GATEWAY_LEASE_MS + 500,
    ]);
  await until(async () => (await silent()).length === before.length, { what: 'two leases of silence' });
  for (const handle of stack.routing) handle.signal('SIGCONT');
  await until(
    async () =>
      (await stack.sql("SELECT FROM gateways WHERE lapses > 0 AND last_seen > now() - interval '1 s'"))
        .length === before.length,
    { what: 'the leases to be renewed' },
  );
  expect(await incarnations()).toEqual(before);
  await worksLive(alice, 'alice-2', bob, 'bob-2');
});
