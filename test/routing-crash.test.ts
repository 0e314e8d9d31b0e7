import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { emptyMailbox } from './harness/mailbox.ts';
import { connectAs, isHint, type RawClient } from './harness/raw-client.ts';
import type { ServiceHandle } from '../tools/testkit/service-handle.ts';
import { type Stack, startStack } from './harness/stack.ts';
import { until } from './harness/wait.ts';
import { untilWaiting } from './harness/waiting-statement.ts';

/** Routing and ack killed with messages in flight, and everything at once: what was accepted arrives (G1, G3). */

let stack: Stack;
let one: ServiceHandle;
let two: ServiceHandle;

beforeAll(async () => {
  stack = await startStack({
    routing: 2,
    env: {
      QUEUE_SETTLE_MS: '0', // the broker lives all through it
      RATE_LIMIT_PER_S: '10000',
      RATE_BURST: '10000',
      SEND_WINDOW: '1000',
    },
  });
  [one, two] = stack.gateways as [ServiceHandle, ServiceHandle];
});

afterAll(() => stack.stop());

const ids = (count: number, prefix: string) => Array.from({ length: count }, (_, n) => `${prefix}${n}`);

/** Sends messages, and waits until all are accepted. */
async function send(from: RawClient, to: string, sent: string[]): Promise<void> {
  for (const [n, id] of sent.entries()) from.msg(to, id, { n }, n);
  for (const id of sent) await from.next('msg:A', { id });
}

/** Whoever looks presence up waits, until it is released: the batch is begun, and not finished. */
async function holdPresence() {
  const client = new pg.Client({ connectionString: stack.databaseUrl });
  await client.connect();
  await client.query('BEGIN');
  await client.query('LOCK TABLE sessions');
  let held = true;
  const release = async () => {
    if (held) await client.end();
    held = false;
  };
  const untilLookedUp = () => untilWaiting(stack, 's.user_id = ANY');
  return { release, untilLookedUp, [Symbol.asyncDispose]: release };
}

/** Entries that an instance began to handle. */
const taken = async (handle: ServiceHandle, stage: string) =>
  (await stack.metrics(handle)).value('sixfold_batch_entries_sum', { stage });

/** Everything that a receiver got, live or from its mailbox: each id once. */
function arrived(client: RawClient): Set<string> {
  const live = client.all('msg:N').map(({ id }) => id);
  const pulled = client.all('offline:N').flatMap(({ messages }) => messages.map(({ id }) => id));
  return new Set([...live, ...pulled]);
}

/** Ids of which the sender knows that they were delivered. */
function delivered(client: RawClient): Set<string> {
  const live = client.all('ack:N', { state: 'delivered' }).map(({ id }) => id);
  const pulled = client
    .all('offline:N')
    .flatMap(({ receipts }) => receipts.filter(({ state }) => state === 'delivered').map(({ id }) => id));
  return new Set([...live, ...pulled]);
}

/** Whoever is hinted at pulls, until the sender knows that everything was delivered. */
async function untilDelivered(sender: RawClient, receiver: RawClient, sent: string[]): Promise<void> {
  const hints = new Map<RawClient, number>();
  await until(
    async () => {
      for (const client of [receiver, sender]) {
        const count = client.all('offline:N', isHint).length;
        if (count > (hints.get(client) ?? 0)) await emptyMailbox(client);
        hints.set(client, count);
      }
      return sent.every((id) => delivered(sender).has(id));
    },
    { what: `all of ${sent.length} to be delivered` },
  );
  expect(sent.filter((id) => !arrived(receiver).has(id))).toEqual([]);
  expect(await stack.sql('SELECT * FROM offline_messages')).toEqual([]);
}

test('one of two routing instances is killed while it handles messages: the other one takes them over', async () => {
  await using alice = await connectAs(stack, one, 'alice');
  await using bob = await connectAs(stack, two, 'bob', { autoAck: true });
  const sent = ids(100, 'r');
  const before = await Promise.all(stack.routing.map((handle) => taken(handle, 'routing')));
  await using presence = await holdPresence();
  await send(alice, 'bob', sent);
  await presence.untilLookedUp();
  const after = await Promise.all(stack.routing.map((handle) => taken(handle, 'routing')));
  const [busiest] = stack.routing
    .map((handle, n) => ({ handle, took: (after[n] ?? 0) - (before[n] ?? 0) }))
    .sort((a, b) => b.took - a.took);
  expect(busiest?.took).toBeGreaterThan(0);
  await busiest?.handle.kill('SIGKILL');
  await presence.release();
  await untilDelivered(alice, bob, sent);
  await busiest?.handle.restart();
});

test('all routing instances are killed: messages are accepted all the same, and arrive after the restart', async () => {
  await using alice = await connectAs(stack, one, 'carl');
  await using bob = await connectAs(stack, two, 'dora', { autoAck: true });
  const sent = ids(100, 'b');
  await using presence = await holdPresence();
  await send(alice, 'dora', sent.slice(0, 50));
  await presence.untilLookedUp();
  await Promise.all(stack.routing.map((handle) => handle.kill('SIGKILL')));
  await presence.release();
  await send(alice, 'dora', sent.slice(50));
  expect(bob.all('msg:N')).toEqual([]);
  await Promise.all(stack.routing.map((handle) => handle.restart()));
  await untilDelivered(alice, bob, sent);
});

test('the only ack instance is killed while it handles confirmations', async () => {
  await using alice = await connectAs(stack, one, 'eve');
  await using tablet = await connectAs(stack, one, 'eve', { device: 'tablet' }); // so that ack looks at presence
  await using bob = await connectAs(stack, two, 'finn');
  const sent = ids(100, 'a');
  await send(alice, 'finn', sent);
  await until(() => bob.all('msg:N').length === sent.length, { what: 'all at finn' });
  await using presence = await holdPresence();
  for (const id of sent) bob.send({ type: 'ack:R', id, from: 'eve' });
  for (const id of sent) await bob.next('ack:A', { id });
  await presence.untilLookedUp();
  const [ack] = stack.ack as [ServiceHandle];
  await ack.kill('SIGKILL');
  await presence.release();
  expect(delivered(alice).size).toBe(0);
  await ack.restart();
  await untilDelivered(alice, bob, sent);
  await until(() => delivered(tablet).size === sent.length, { what: 'the other session to know as well' });
});

test('everything is killed right after msg:A: the messages are there after the restart', async () => {
  const all = [...stack.gateways, ...stack.routing, ...stack.ack];
  await using alice = await connectAs(stack, one, 'gina');
  await using present = await connectAs(stack, two, 'hugo');
  for (const id of ids(20, 'x')) {
    alice.msg('hugo', id);
    alice.msg('absent', id);
  }
  await Promise.all([
    alice.next('msg:A', ({ id }) => id === 'x19'),
    alice.next('msg:A', ({ id }) => id === 'x18'),
  ]);
  await until(() => alice.all('msg:A').length === 40, { what: 'all to be accepted', intervalMs: 1 });
  for (const handle of all) handle.signal('SIGKILL');
  await Promise.all(all.map((handle) => handle.exited()));
  await Promise.all([alice.closed, present.closed]);
  await Promise.all(all.map((handle) => handle.restart()));

  await using again = await connectAs(stack, one, 'gina');
  for (const user of ['hugo', 'absent']) {
    await using receiver = await connectAs(stack, two, user);
    const got = new Set<string>();
    // What was in flight at the gateway that died may still be on its way to the mailbox: then a hint comes.
    await until(
      async () => {
        for (const { id } of (await emptyMailbox(receiver)).messages) got.add(id);
        return got.size === 20;
      },
      { what: `20 messages for ${user}` },
    );
  }
  await until(
    async () => {
      await emptyMailbox(again);
      const told = again.all('offline:N').flatMap(({ receipts }) => receipts);
      return (
        new Set(told.filter(({ state }) => state === 'delivered').map(({ id, to }) => `${to} ${id}`)).size ===
        40
      );
    },
    { what: 'delivered for all 40' },
  );
});
