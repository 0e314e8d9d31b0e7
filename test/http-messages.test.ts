import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ServiceHandle } from '../tools/testkit/service-handle.ts';
import { http } from './harness/http.ts';
import { emptyMailbox } from './harness/mailbox.ts';
import { connectAs } from './harness/raw-client.ts';
import { type Stack, startStack } from './harness/stack.ts';

/** PROTOCOL, the same over HTTP: POST /v1/messages. */

let stack: Stack;
let one: ServiceHandle;
let two: ServiceHandle;

beforeAll(async () => {
  stack = await startStack();
  [one, two] = stack.gateways as [ServiceHandle, ServiceHandle];
});

afterAll(() => stack.stop());

const post = async (user: string, body: unknown, gateway = one) =>
  http(gateway, 'POST', '/messages', { token: await stack.token(user), body });

describe('a message over HTTP', () => {
  test('reaches a connected user as msg:N, and the receipt goes to the mailbox of the sender', async () => {
    await using bob = await connectAs(stack, two, 'bob-1');
    const body = { id: 'm', to: 'bob-1', body: { text: 'hello' }, seq: 7, thread: 't', ttl: 60, read: true };
    const { status, json } = await post('alice-1', body);
    const { at } = json as { at: number };
    expect([status, json]).toEqual([202, { id: 'm', at: expect.any(Number) as number }]);
    const read = expect.any(String) as string;
    expect(await bob.next('msg:N')).toEqual({
      type: 'msg:N',
      id: 'm',
      from: 'alice-1',
      body: { text: 'hello' },
      at,
      seq: 7,
      thread: 't',
      read,
    });
    bob.send({ type: 'ack:R', id: 'm', from: 'alice-1' });
    await bob.next('ack:A');
    await expect
      .poll(() => stack.sql('SELECT id, state FROM offline_receipts WHERE recipient = $1', ['alice-1']))
      .toEqual([{ id: 'm', state: 'delivered' }]);
    await using alice = await connectAs(stack, one, 'alice-1');
    expect((await emptyMailbox(alice)).receipts).toMatchObject([
      { id: 'm', to: 'bob-1', state: 'delivered' },
    ]);
  });
});
