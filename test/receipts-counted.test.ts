import { afterAll, beforeAll, expect, test } from 'vitest';
import { connectAs } from './harness/raw-client.ts';
import type { ServiceHandle } from '../tools/testkit/service-handle.ts';
import { type Stack, startStack } from './harness/stack.ts';
import { until } from './harness/wait.ts';

/** `sixfold_receipts_total` counts every receipt once: as many as `stored` as mailboxes got. */

let stack: Stack;
let gateway: ServiceHandle;
let routing: ServiceHandle;

beforeAll(async () => {
  stack = await startStack({ gateways: 1, env: { RETENTION_SWEEP_MS: '100' } });
  [gateway, routing] = [stack.gateways[0], stack.routing[0]] as [ServiceHandle, ServiceHandle];
});

afterAll(() => stack.stop());

const ids = (count: number, prefix: string) => Array.from({ length: count }, (_, n) => `${prefix}${n}`);
const value = async (name: string, labels: Record<string, string>) =>
  (await stack.metrics(routing)).value(name, labels);
const counted = (outcome: string) => value('sixfold_receipts_total', { outcome });
const receiptsOf = async (user: string, state: string) =>
  (await stack.sql('SELECT FROM offline_receipts WHERE recipient = $1 AND state = $2', [user, state])).length;

/** Sends messages to somebody who is away, and leaves. */
async function sendAndLeave(from: string, to: string, sent: string[]): Promise<void> {
  await using sender = await connectAs(stack, gateway, from);
  for (const id of sent) sender.msg(to, id);
  for (const id of sent) await sender.next('ack:N', { id, to, state: 'stored' });
  await sender.close();
  await until(async () => (await stack.sql('SELECT FROM sessions WHERE user_id = $1', [from])).length === 0, {
    what: `${from} to be away`,
  });
}

test('a confirmed page of a mailbox: one for each message, and none for what was confirmed before', async () => {
  const sent = ids(7, 'p');
  const liveBefore = await counted('live');
  await sendAndLeave('alice', 'bob', sent);
  expect((await counted('live')) - liveBefore).toBe(sent.length);

  const before = await counted('stored');
  await using bob = await connectAs(stack, gateway, 'bob');
  const keys = (await bob.pull()).messages.map(({ key }) => key);
  expect(keys).toHaveLength(sent.length);
  for (let n = 0; n < 2; n++) {
    bob.send({ type: 'offline:A', keys });
    await bob.pull(); // comes after that
    expect(await receiptsOf('alice', 'delivered')).toBe(sent.length);
    expect((await counted('stored')) - before).toBe(sent.length);
  }
});

test('messages that expire: one for each whose sender does not know better', async () => {
  await sendAndLeave('carol', 'dave', ids(4, 'e'));
  // Of one the sender will learn that it was delivered: its copy stayed behind when a gateway died.
  await stack.sql(
    "INSERT INTO offline_receipts (recipient, id, peer, state, at) VALUES ('carol', 'e0', 'dave', 'delivered', 1)",
  );
  const [before, expiredBefore] = [await counted('stored'), await value('sixfold_expired_total', {})];
  await stack.sql(
    "UPDATE offline_messages SET stored_at = now() - interval '31 days' WHERE recipient = 'dave'",
  );
  await until(async () => (await value('sixfold_expired_total', {})) - expiredBefore === 4, {
    what: 'the messages to expire',
  });
  await until(async () => (await counted('stored')) - before >= 3, { what: 'receipts to be counted' });
  expect(await receiptsOf('carol', 'rejected')).toBe(3);
  expect((await counted('stored')) - before).toBe(3);
});
