import { afterAll, beforeAll, expect, test } from 'vitest';
import { connectAs, type RawClient } from './harness/raw-client.ts';
import { type Stack, startStack } from './harness/stack.ts';

/** The name of a conversation comes with the message wherever it goes. */

let stack: Stack;

beforeAll(async () => {
  stack = await startStack({ env: { AMQP_HEARTBEAT_S: '1', GATEWAY_LEASE_MS: '2000' } });
});

afterAll(() => stack.stop());

const THREAD = 'group:1@x.y-z';
const send = (client: RawClient, to: string, id: string) =>
  client.send({ type: 'msg:R', id, to, body: id, thread: THREAD });

test('it comes live and in the mailbox, and where there is none, there is no field', async () => {
  await using alice = await connectAs(stack, stack.gateways[0], 'alice');
  const bob = await connectAs(stack, stack.gateways[1], 'bob');
  send(alice, 'bob', 'live');
  const live = await bob.next('msg:N', { id: 'live' });
  expect(live).toEqual({
    type: 'msg:N',
    id: 'live',
    from: 'alice',
    body: 'live',
    at: live.at,
    thread: THREAD,
  });
  alice.msg('bob', 'plain');
  expect(Object.keys(await bob.next('msg:N', { id: 'plain' }))).not.toContain('thread');
  await bob.terminate(); // both go to the mailbox
  for (const id of ['live', 'plain']) await alice.next('ack:N', { id, state: 'stored' });
  send(alice, 'bob', 'away');
  await alice.next('ack:N', { id: 'away', state: 'stored' });
  await using back = await connectAs(stack, stack.gateways[1], 'bob');
  const { messages } = await back.pull();
  expect(messages.map(({ id, thread }) => [id, thread])).toEqual([
    ['live', THREAD],
    ['plain', undefined],
    ['away', THREAD],
  ]);
  expect(Object.keys(messages[1] ?? {})).not.toContain('thread');
});

test('it comes with a message that an heir took over from a gateway that died', async () => {
  const gateway = await stack.addGateway();
  await using alice = await connectAs(stack, stack.gateways[0], 'alice-2');
  const bob = await connectAs(stack, gateway, 'bob-2');
  send(alice, 'bob-2', 'm');
  await bob.next('msg:N', { id: 'm' });
  await gateway.kill('SIGKILL');
  await alice.next('ack:N', { id: 'm', state: 'stored' });
  await using back = await connectAs(stack, stack.gateways[1], 'bob-2');
  expect((await back.pull()).messages).toMatchObject([{ id: 'm', thread: THREAD }]);
});

test('one that is no name is a bad packet', async () => {
  await using alice = await connectAs(stack, stack.gateways[0], 'alice-3');
  for (const thread of ['', 'a b', 'x'.repeat(129)]) {
    alice.send({ type: 'msg:R', id: 'bad', to: 'bob', body: 1, thread });
    const { code, message } = await alice.next('error');
    expect([code, message.slice(0, 7)]).toEqual(['bad_packet', 'thread:']);
  }
});
