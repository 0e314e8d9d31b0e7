import amqp, { type ChannelModel, type ConfirmChannel } from 'amqplib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  ACK_QUEUE,
  declareGatewayQueue,
  gatewayQueue,
  partitionOf,
  RETURNED_QUEUE,
  routeQueue,
} from '#libs/broker/topology.ts';
import { publishTo, withChannel } from './harness/queues.ts';
import { connectAs } from './harness/raw-client.ts';
import type { ServiceHandle } from '../tools/testkit/service-handle.ts';
import { type Stack, startStack } from './harness/stack.ts';
import { until } from './harness/wait.ts';

/**
 * Nothing circles: when everything fails, each message and each receipt makes one live attempt, comes back once, and
 * rests. The metrics tell: what came back is never more than what was sent live, and the sums stand still.
 */

const PARTITIONS = 8;
const QUOTA = 10;
const MESSAGES = 60;
const CONFIRMED = 20;

let stack: Stack;
let routing: ServiceHandle;
let ack: ServiceHandle;
let broker: ChannelModel;
/** Entries that the full gateway was sent, and those that it returned. */
const full = { sent: 0, returned: 0 };

beforeAll(async () => {
  // Grants of leases count as sent live, too: none during the test.
  const env = { MAILBOX_QUOTA: String(QUOTA), GATEWAY_LEASE_MS: '600000' };
  stack = await startStack({ gateways: 1, env });
  [routing, ack] = [stack.routing[0], stack.ack[0]] as [ServiceHandle, ServiceHandle];
  broker = await amqp.connect(stack.amqpUrl);
  await startFullGateway(await broker.createConfirmChannel());
});

afterAll(async () => {
  await broker.close();
  await stack.stop();
});

/** A gateway all of whose sessions are full: it returns each message and each receipt. */
async function startFullGateway(channel: ConfirmChannel): Promise<void> {
  await declareGatewayQueue(channel, 'nowhere.1', 'quorum');
  await channel.consume(gatewayQueue('nowhere.1'), (delivery) => {
    if (!delivery) return;
    const entries = JSON.parse(delivery.content.toString()) as { kind: string }[];
    const back = entries.filter(({ kind }) => kind === 'message' || kind === 'receipt');
    full.sent += entries.length;
    full.returned += back.length;
    const content = JSON.stringify(back.map((entry) => ({ ...entry, returned: 'session_full' })));
    if (back.length > 0) channel.sendToQueue(RETURNED_QUEUE, Buffer.from(content), { persistent: true });
    channel.ack(delivery);
  });
}

/** A user whom presence takes to be at the full gateway: whatever is sent there comes back. */
async function ghost(user: string): Promise<string> {
  await stack.sql("INSERT INTO sessions VALUES ($1, 'default', $1, 'nowhere.1', 1)", [user]);
  return user;
}

/** What routing and ack have done so far. */
async function counts() {
  const [byRouting, byAck] = await Promise.all([stack.metrics(routing), stack.metrics(ack)]);
  const entries = (stage: string) =>
    byRouting.value('sixfold_batch_entries_sum', { stage }) +
    byAck.value('sixfold_batch_entries_sum', { stage });
  const routed = (outcome: string) => byRouting.value('sixfold_routed_total', { outcome });
  return {
    sentLive: entries('live'),
    cameBack: entries('returned'),
    live: routed('live'),
    stored: routed('stored'),
    rejected: routed('rejected'),
    returned: byRouting.value('sixfold_returned_total'),
  };
}

test('messages to, and receipts for, people who cannot be reached at all', async () => {
  await stack.sql(
    "INSERT INTO gateways (gateway, last_seen) VALUES ('nowhere.1', now() + interval '1 hour')",
  );
  const [to, from] = [await ghost('to'), await ghost('from')];
  const before = await counts();
  const message = { kind: 'message', from, to, body: '1', at: 1 };
  const batch = Array.from({ length: MESSAGES }, (_, n) => ({ ...message, id: `m${n}` }));
  const confirmed = Array.from({ length: CONFIRMED }, (_, n) => ({
    kind: 'ack',
    from,
    id: `a${n}`,
    to,
    at: 1,
  }));
  await withChannel(stack, async (channel) => {
    await publishTo(channel, routeQueue(partitionOf(to, PARTITIONS)), JSON.stringify(batch));
    await publishTo(channel, ACK_QUEUE, JSON.stringify(confirmed));
  });

  // Each message and each receipt came back once, and is at rest.
  const receipts = () =>
    stack.sql('SELECT state, count(*)::int FROM offline_receipts GROUP BY state ORDER BY state');
  await until(async () => (await counts()).returned - before.returned >= 2 * MESSAGES + CONFIRMED, {
    what: 'everything to have come back',
  });
  const atRest = async () => {
    const { sentLive, cameBack } = await counts();
    return sentLive - before.sentLive === full.sent && cameBack - before.cameBack === full.returned;
  };
  await until(atRest, { what: 'all that was sent to have come back' });
  const after = await counts();
  expect(await receipts()).toEqual([
    { state: 'delivered', count: CONFIRMED },
    { state: 'rejected', count: MESSAGES - QUOTA },
    { state: 'stored', count: QUOTA },
  ]);
  expect(after.returned - before.returned).toBe(2 * MESSAGES + CONFIRMED);
  expect(after.live - before.live).toBe(MESSAGES);
  expect(after.stored - before.stored).toBe(QUOTA);
  expect(after.rejected - before.rejected).toBe(MESSAGES - QUOTA);
  // Beside those only hints were sent: at most one for each that was stored.
  const hints = after.sentLive - before.sentLive - (2 * MESSAGES + CONFIRMED);
  expect(hints).toBeLessThanOrEqual(QUOTA + MESSAGES + CONFIRMED);

  // And there it stays: other messages go through the same queues, and of these nothing moves any more.
  await using alice = await connectAs(stack, stack.gateways[0], 'alice');
  await using bob = await connectAs(stack, stack.gateways[0], 'bob', { autoAck: true });
  const returned = {
    ...message,
    kind: 'message',
    id: 'marker',
    to: 'away',
    session: 'gone',
    returned: 'draining',
  };
  await withChannel(stack, (channel) => publishTo(channel, RETURNED_QUEUE, JSON.stringify([returned])));
  for (const id of ['one', 'two', 'three']) {
    alice.msg('bob', id);
    await alice.next('ack:N', { id, state: 'delivered' });
  }
  await until(async () => (await counts()).returned - after.returned === 2, {
    what: 'the marker and its receipt',
  });
  expect(bob.all('msg:N')).toHaveLength(3);
  const end = await counts();
  expect(end.live - after.live).toBe(3);
  expect(end.stored - after.stored).toBe(1);
  expect(end.rejected).toBe(after.rejected);
});
