import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { emptyMailbox } from './harness/mailbox.ts';
import { plant } from '../tools/testkit/planted-bug.ts';
import { connectAs } from './harness/raw-client.ts';
import type { ServiceHandle } from '../tools/testkit/service-handle.ts';
import { type Stack, startStack } from './harness/stack.ts';
import { until } from './harness/wait.ts';

/**
 * A gateway dies between a confirmation and the acknowledgement of the message to the broker: for a test that moment
 * lasts for ever. Its heir finds the receiver's mailbox full. The sender is not told `rejected` (G3).
 */

const QUOTA = 3;

let stack: Stack;
let one: ServiceHandle;
let two: ServiceHandle;

beforeAll(async () => {
  const window = {
    file: 'libs/broker/ack-batcher.ts',
    find: 'export const LINGER_MS = 20;',
    replace: 'export const LINGER_MS = 600_000;',
  };
  const root = plant([window], inject('infrastructure').dataDir);
  stack = await startStack({
    root,
    env: { MAILBOX_QUOTA: String(QUOTA), QUEUE_SETTLE_MS: '0' },
  });
  [one, two] = stack.gateways as [ServiceHandle, ServiceHandle];
});

afterAll(() => stack.stop());

/** Fills a mailbox, and makes sure that routing knows. */
async function fill(user: string): Promise<void> {
  for (let n = 0; n < QUOTA; n++)
    await stack.sql(
      "INSERT INTO offline_messages (recipient, sender, id, body, at) VALUES ($1, 'carol', $2, '1', 1)",
      [user, `c${n}`],
    );
}

const inherited = async () => {
  const all = await Promise.all(stack.routing.map((handle) => stack.metrics(handle)));
  return all.reduce((sum, m) => sum + m.value('sixfold_returned_total', { reason: 'gateway_gone' }), 0);
};

test('a message that was confirmed finds room in a full mailbox, and is delivered once more', async () => {
  await using alice = await connectAs(stack, one, 'alice');
  const bob = await connectAs(stack, two, 'bob');
  const before = await inherited();
  for (const id of ['confirmed', 'unanswered']) {
    alice.msg('bob', id);
    await bob.next('msg:N', { id });
  }
  await fill('bob');
  bob.send({ type: 'ack:R', id: 'confirmed', from: 'alice' });
  await bob.next('ack:A', { id: 'confirmed' });
  await two.kill('SIGKILL');
  await alice.next('ack:N', { id: 'confirmed', state: 'delivered' });
  await until(async () => (await inherited()) - before >= 2, { what: 'an heir to have both' });
  await alice.next('ack:N', { id: 'unanswered' }); // told behind the other one
  expect(alice.all('ack:N', { state: 'rejected' })).toEqual([]);
  await bob[Symbol.asyncDispose]();
  await two.restart();

  // What never was with bob is rejected as ever.
  alice.msg('bob', 'new');
  await alice.next('ack:N', { id: 'new', state: 'rejected', reason: 'mailbox_full' });
  await using again = await connectAs(stack, two, 'bob');
  const { messages } = await emptyMailbox(again);
  expect(messages.map(({ id }) => id)).toEqual(['c0', 'c1', 'c2', 'confirmed', 'unanswered']);
  const { receipts } = await emptyMailbox(alice);
  const told = [...alice.all('ack:N'), ...receipts].filter(({ id }) => id !== 'new');
  expect(told.filter(({ state }) => state === 'rejected')).toEqual([]);
});
