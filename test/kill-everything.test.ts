import { afterAll, beforeAll, expect, test } from 'vitest';
import { emptyMailbox } from './harness/mailbox.ts';
import { connectAs, type RawClient } from './harness/raw-client.ts';
import { type Stack, startStack } from './harness/stack.ts';
import { until } from './harness/wait.ts';

/** Every process of the installation is killed at once, right after msg:A: what is accepted arrives all the same (G1). */

const PATIENCE_MS = 120_000;
const ABSENT = 'carol';

let stack: Stack;

beforeAll(async () => {
  stack = await startStack({ ownInfrastructure: true, env: { GATEWAY_LEASE_MS: '4000' } });
});

afterAll(() => stack.stop());

const everything = () => [
  ...[stack.rabbitmq, stack.postgres],
  ...[...stack.gateways, ...stack.routing, ...stack.ack],
];

/** Nothing gets a chance to write anything more. */
async function killEverything(): Promise<void> {
  for (const process of everything()) process.signal('SIGKILL');
  await Promise.all(everything().map((process) => process.exited()));
}

async function startEverything(): Promise<void> {
  await Promise.all([stack.rabbitmq.restart(), stack.postgres.restart()]);
  await Promise.all([...stack.gateways, ...stack.routing, ...stack.ack].map((service) => service.restart()));
}

/** Takes what comes for a user, live or by mailbox, until it is all there; confirms each. */
async function takeAll(client: RawClient, wanted: readonly string[]): Promise<void> {
  const got = new Set<string>();
  const all = async () => {
    for (const { id } of (await emptyMailbox(client)).messages) got.add(id);
    for (const { id, from } of client.all('msg:N')) {
      if (!got.has(id)) client.send({ type: 'ack:R', id, from });
      got.add(id);
    }
    return wanted.every((id) => got.has(id));
  };
  await until(all, { what: `${wanted.join(', ')} to arrive`, timeoutMs: PATIENCE_MS });
}

test.for([1, 12])('after msg:A of %i of 24 messages', async (accepted, { annotate }) => {
  const alice = await connectAs(stack, stack.gateways[0], 'alice');
  const bob = await connectAs(stack, stack.gateways[1], 'bob');
  const sent = Array.from({ length: 24 }, (_, n) => ({
    to: n % 2 ? ABSENT : 'bob',
    id: `m${accepted}-${n}`,
  }));
  for (const { to, id } of sent) alice.msg(to, id);
  await until(() => alice.all('msg:A').length >= accepted, { what: 'msg:A', intervalMs: 1 });
  await killEverything();
  const promised = new Set(alice.all('msg:A').map(({ id }) => id));
  await annotate(`${promised.size} of ${sent.length} were accepted`);
  await Promise.all([alice.closed, bob.closed]);
  await startEverything();

  const kept = (user: string) => sent.flatMap(({ to, id }) => (to === user && promised.has(id) ? [id] : []));
  for (const user of ['bob', ABSENT]) {
    await using client = await connectAs(stack, stack.gateways[1], user);
    await takeAll(client, kept(user));
  }
  // As a client does, the sender sends again what it has no state of, and learns the truth of all.
  await using receiver = await connectAs(stack, stack.gateways[1], 'bob', { autoAck: true });
  await using again = await connectAs(stack, stack.gateways[0], 'alice');
  for (const { to, id } of sent) again.msg(to, id);
  for (const { to, id } of sent)
    await again.next('ack:N', { id, state: to === ABSENT ? 'stored' : 'delivered' });
  expect(receiver.bye).toBeUndefined();
});
