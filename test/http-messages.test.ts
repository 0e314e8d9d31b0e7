import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { json as jsonOf } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ServiceHandle } from '../tools/testkit/service-handle.ts';
import { http } from './harness/http.ts';
import { emptyMailbox } from './harness/mailbox.ts';
import { connectAs } from './harness/raw-client.ts';
import { type Stack, startStack } from './harness/stack.ts';
import { connectDevice, copiesOf, registerAway } from './harness/synced.ts';

/** PROTOCOL, the same over HTTP: POST /v1/messages. */

let stack: Stack;
let one: ServiceHandle;
let two: ServiceHandle;

beforeAll(async () => {
  stack = await startStack({ env: { RETENTION_SWEEP_MS: '1000' } });
  [one, two] = stack.gateways as [ServiceHandle, ServiceHandle];
});

afterAll(() => stack.stop());

const post = async (user: string, body: unknown, gateway = one) =>
  http(gateway, 'POST', '/messages', { token: await stack.token(user), body });
const receiptsOf = (user: string) =>
  stack.sql('SELECT id, state FROM offline_receipts WHERE recipient = $1 ORDER BY key', [user]);

describe('a message over HTTP', () => {
  test('reaches a connected user as msg:N; its receipt waits in the mailbox of a sender who is away', async () => {
    await using bob = await connectAs(stack, two, 'bob-1');
    const body = { id: 'm', to: 'bob-1', body: { text: 'hello' }, seq: 7, thread: 't', ttl: 60, read: true };
    const { status, json } = await post('alice-1', body);
    const { at } = json as { at: number };
    expect([status, json]).toEqual([202, { id: 'm', at: expect.any(Number) as number }]);
    const message = await bob.next('msg:N');
    const fields = { id: 'm', body: { text: 'hello' }, seq: 7, thread: 't' };
    expect(message).toEqual({
      type: 'msg:N',
      from: 'alice-1',
      at,
      read: expect.any(String) as string,
      ...fields,
    });
    bob.send({ type: 'ack:R', id: 'm', from: 'alice-1' });
    await bob.next('ack:A');
    await expect.poll(() => receiptsOf('alice-1')).toEqual([{ id: 'm', state: 'delivered' }]);
    bob.send({ type: 'read:R', items: [{ from: 'alice-1', id: 'm', read: message.read ?? '' }] });
    await bob.next('read:A');
    await expect.poll(async () => (await receiptsOf('alice-1')).map(({ state }) => state)).toContain('read');
  });

  test('to a user who is away waits in the mailbox, and its sender is told `stored`', async () => {
    expect((await post('alice-2', { id: 'm', to: 'bob-2', body: 'x', ttl: 60 })).status).toBe(202);
    await expect.poll(() => receiptsOf('alice-2')).toEqual([{ id: 'm', state: 'stored' }]);
    await using bob = await connectAs(stack, one, 'bob-2');
    expect((await emptyMailbox(bob)).messages).toMatchObject([{ id: 'm', from: 'alice-2', body: 'x' }]);
    await expect
      .poll(async () => (await receiptsOf('alice-2')).map(({ state }) => state))
      .toContain('delivered');
  });

  test('of short life is rejected with `expired`, when nobody came in time', async () => {
    await post('alice-3', { id: 'm', to: 'bob-3', body: 'x', ttl: 1 });
    await expect
      .poll(async () => (await receiptsOf('alice-3')).map(({ state }) => state), { timeout: 60_000 })
      .toContain('rejected');
    await using bob = await connectAs(stack, one, 'bob-3');
    expect((await emptyMailbox(bob)).messages).toEqual([]);
  });

  test('its receipts go live to a sender who is connected, and wait in the mailbox: a connection may lose them', async () => {
    await using alice = await connectAs(stack, two, 'alice-4');
    await using bob = await connectAs(stack, one, 'bob-4', { autoAck: true });
    await post('alice-4', { id: 'm', to: 'bob-4', body: 'x' });
    await bob.next('msg:N', { id: 'm' });
    await alice.next('ack:N', { id: 'm', state: 'delivered' });
    const { receipts } = await emptyMailbox(alice);
    expect(receipts).toMatchObject([{ id: 'm', to: 'bob-4', state: 'delivered' }]);
  });

  test('its body arrives as it was written', async () => {
    await using bob = await connectAs(stack, one, 'bob-5');
    const texts = ['-0', '1e2', '"\\u0000\\ud800"', '{"a":1,"a":2}', '9007199254740993', '[ ]'];
    for (const [n, text] of texts.entries())
      await post('alice-5', `{"id":"m${n}","to":"bob-5","body": ${text} }`);
    for (const [n, text] of texts.entries())
      expect((await bob.next('msg:N', { id: `m${n}` })).body).toEqual(JSON.parse(text));
  });

  test('a list has one `at`, and a fate for each receiver', async () => {
    await using bob = await connectAs(stack, one, 'bob-6', { autoAck: true });
    const { json } = await post('alice-6', { id: 'm', to: ['bob-6', 'carol-6'], body: 'x' });
    expect((await bob.next('msg:N')).at).toBe((json as { at: number }).at);
    await expect
      .poll(async () => (await receiptsOf('alice-6')).map(({ state }) => state).sort())
      .toEqual(['delivered', 'stored']);
  });

  test('sent twice with the same id it is shown once in a mailbox, and accepted twice', async () => {
    const first = await post('alice-7', { id: 'm', to: 'bob-7', body: 'x' });
    const second = await post('alice-7', { id: 'm', to: 'bob-7', body: 'x' }, two);
    expect([first.status, second.status]).toEqual([202, 202]);
    await using bob = await connectAs(stack, one, 'bob-7');
    await expect.poll(async () => (await bob.pull()).messages.map(({ id }) => id)).toEqual(['m']);
    expect((await bob.pull()).messages[0]?.at).toBe((first.json as { at: number }).at);
  });
});

describe('the synced devices of the sender', () => {
  test('all get a copy, and all receipts through their mailboxes', async () => {
    await registerAway(stack, 'alice-8', 'away');
    await using phone = await connectDevice(stack, one, 'alice-8', 'phone');
    await using bob = await connectAs(stack, two, 'bob-8', { autoAck: true });
    await post('alice-8', { id: 'm', to: ['bob-8', 'carol-8'], body: 'x', thread: 't' });
    await bob.next('msg:N', { id: 'm' });
    const copy = await phone.next('msg:N', { id: 'm' });
    expect(copy).toMatchObject({ from: 'alice-8', to: ['bob-8', 'carol-8'], thread: 't' });
    phone.send({ type: 'ack:R', id: 'm', from: 'alice-8' });
    await expect.poll(() => copiesOf(stack, 'alice-8')).toEqual(['away m']);
    const states = async (client: Awaited<ReturnType<typeof connectDevice>>) =>
      (await client.pull()).receipts.map(({ to, state }) => `${to} ${state}`).sort();
    await expect.poll(() => states(phone)).toEqual(['bob-8 delivered', 'carol-8 stored']);
    expect(phone.all('ack:N')).toEqual([]);
    await using away = await connectDevice(stack, two, 'alice-8', 'away');
    await expect.poll(() => states(away)).toEqual(['bob-8 delivered', 'carol-8 stored']);
    expect((await away.pull()).messages).toMatchObject([{ id: 'm', to: ['bob-8', 'carol-8'] }]);
  });

  test('none where the sender is among the receivers', async () => {
    await registerAway(stack, 'alice-9', 'away');
    await post('alice-9', { id: 'm', to: ['alice-9', 'bob-9'], body: 'x' });
    await expect.poll(() => copiesOf(stack, 'alice-9')).toEqual(['away m']);
    await using away = await connectDevice(stack, two, 'alice-9', 'away');
    const [message] = (await away.pull()).messages;
    expect(message?.to).toBeUndefined();
  });
});

test('who may write to whom: the claim can_send, and the endpoint of the operator', async () => {
  const operator = createServer((request, response) => {
    void jsonOf(request).then((asked) => {
      const { to } = asked as { to: string };
      if (to === 'silent') response.writeHead(500).end();
      else response.end(JSON.stringify({ allow: to !== 'eve' }));
    });
  });
  operator.listen(0, '127.0.0.1');
  await once(operator, 'listening');
  const { port } = operator.address() as AddressInfo;
  const gateway = await stack.addGateway({ AUTHORIZE_URL: `http://127.0.0.1:${port}/` });
  const token = await stack.token('alice-10', { claims: { can_send: ['bob*', 'eve', 'silent'] } });
  const ask = async (to: unknown) => {
    const { status, json } = await http(gateway, 'POST', '/messages', {
      token,
      body: { id: 'm', to, body: 1 },
    });
    return [status, (json as { re?: { to?: unknown } }).re?.to];
  };
  expect(await ask('bob-10')).toEqual([202, undefined]);
  expect(await ask('eve')).toEqual([403, undefined]);
  expect(await ask(['bob-10', 'eve', 'zoe'])).toEqual([403, expect.arrayContaining(['eve', 'zoe'])]);
  expect(await ask('silent')).toEqual([503, undefined]);
  await using bob = await connectAs(stack, one, 'bob-10');
  expect((await emptyMailbox(bob)).messages).toHaveLength(1); // nothing of the refused ones
  operator.close();
  operator.closeAllConnections();
});

test('what it counts', async () => {
  const value = async (name: string, labels: Record<string, string>) =>
    (await stack.metrics(two)).value(name, labels);
  const counters = () =>
    Promise.all([
      value('sixfold_packets_total', { type: 'msg:R', direction: 'in' }),
      value('sixfold_http_requests_total', { endpoint: 'POST /v1/messages', code: '202' }),
      value('sixfold_errors_total', { code: 'bad_packet' }),
      value('sixfold_accept_seconds_count', {}),
    ]);
  const before = await counters();
  await post('alice-11', { id: 'm', to: 'bob-11', body: 'x' }, two);
  await post('alice-11', { id: 'm' }, two);
  const after = await counters();
  expect(after.map((count, n) => count - (before[n] ?? 0))).toEqual([1, 1, 1, 1]);
});

test('G1: a gateway that is killed right after the 202 loses nothing', async () => {
  await using bob = await connectAs(stack, two, 'bob-12', { autoAck: true });
  for (let round = 0; round < 3; round++) {
    const gateway = await stack.addGateway();
    const ids = Array.from({ length: 20 }, (_, n) => `r${round}-${n}`);
    const accepted: string[] = [];
    await Promise.all(
      ids.map(async (id) => {
        const answer = await post('alice-12', { id, to: 'bob-12', body: 'x' }, gateway).catch(
          () => undefined,
        );
        if (answer?.status !== 202) return;
        accepted.push(id);
        if (gateway.running) await gateway.kill();
      }),
    );
    expect(accepted.length).toBeGreaterThan(0);
    for (const id of accepted) await bob.next('msg:N', { id });
  }
});

describe('a broker that takes nothing', () => {
  test('503 with Retry-After, then 202 for the same message when it takes it again', async () => {
    await using own = await startStack({
      gateways: 1,
      ownInfrastructure: true,
      env: { CONFIRM_TIMEOUT_MS: '500' },
    });
    const [gateway] = own.gateways;
    const token = await own.token('alice');
    const send = (body: unknown, type?: string) =>
      http(gateway, 'POST', '/messages', { token, body, ...(type !== undefined && { type }) });
    const body = { id: 'm', to: 'bob', body: 'x' };
    expect((await send(body)).status).toBe(202); // the token is known from now on
    await own.alarm('memory', true);
    await expect.poll(async () => (await send({ ...body, id: 'n' })).status, { timeout: 60_000 }).toBe(503);
    const { status, json, headers } = await send({ ...body, id: 'n' });
    expect([status, json]).toMatchObject([503, { code: 'unavailable', re: { type: 'msg:R', id: 'n' } }]);
    expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
    await own.alarm('memory', false);
    await expect.poll(async () => (await send({ ...body, id: 'n' })).status, { timeout: 60_000 }).toBe(202);
    await using bob = await connectAs(own, gateway, 'bob');
    await expect.poll(async () => (await bob.pull()).messages.map(({ id }) => id).sort()).toEqual(['m', 'n']);
  });
});

test('a gateway that drains answers what is under way', async () => {
  const gateway = await stack.addGateway();
  const answers: number[] = [];
  let stopped = false;
  const sends = Array.from({ length: 8 }, async (_, n) => {
    for (let m = 0; !stopped; m++) {
      const answer = await post('alice-13', { id: `m${n}-${m}`, to: 'bob-13', body: 1 }, gateway).catch(
        () => undefined,
      );
      if (!answer) return; // no connection any more
      answers.push(answer.status);
    }
  });
  await expect.poll(() => answers.length).toBeGreaterThan(8);
  await gateway.stop();
  stopped = true;
  await Promise.all(sends);
  expect(new Set(answers.filter((status) => status !== 429))).toSatisfy((codes: Set<number>) =>
    [...codes].every((code) => code === 202 || code === 503),
  );
});
