import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { OfflineN } from '#libs/protocol/server-packets.ts';
import type { ServiceHandle } from '../tools/testkit/service-handle.ts';
import { http, type HttpAnswer } from './harness/http.ts';
import { emptyMailbox } from './harness/mailbox.ts';
import { connectAs, type RawClient } from './harness/raw-client.ts';
import { serviceToken } from './harness/service-token.ts';
import { type Stack, startStack } from './harness/stack.ts';
import { connectDevice, registerAway } from './harness/synced.ts';
import { until } from './harness/wait.ts';

/** PROTOCOL, the same over HTTP: GET /v1/mailbox, POST /v1/mailbox/confirm, POST /v1/read. */

type Page = Omit<OfflineN, 'type'>;

let stack: Stack;
let one: ServiceHandle;
let two: ServiceHandle;
let users = 0;
const someone = (name: string) => `${name}-${++users}`;

beforeAll(async () => {
  stack = await startStack();
  [one, two] = stack.gateways as [ServiceHandle, ServiceHandle];
});

afterAll(() => stack.stop());

const own = async (user: string, method: string, path: string, body?: unknown, gateway = one) =>
  http(gateway, method, path, { token: await stack.token(user), body });

/** A page of the user's own mailbox. */
async function page(user: string, query = '', gateway = one): Promise<Page> {
  const { status, json } = await own(user, 'GET', `/mailbox${query}`, undefined, gateway);
  expect(status).toBe(200);
  return json as Page;
}

async function confirm(user: string, keys: string[], device?: string): Promise<void> {
  const { status, json } = await own(user, 'POST', '/mailbox/confirm', { keys, device });
  expect([status, json]).toEqual([204, undefined]);
}

/** Messages that wait for a user who is away. */
async function store(alice: RawClient, to: string, ...ids: string[]): Promise<void> {
  for (const id of ids) {
    alice.msg(to, id);
    await alice.next('ack:N', { id, to, state: 'stored' });
  }
}

const refused = ({ status, json }: HttpAnswer) => {
  const { code, message } = json as { code: string; message: string };
  return [status, code, message];
};

describe('a mailbox over HTTP', () => {
  test('page after page, each entry until it is confirmed; senders are told delivered', async () => {
    const bob = someone('bob');
    await using alice = await connectAs(stack, one, someone('alice'));
    await store(alice, bob, 'm1', 'm2', 'm3');
    const first = await page(bob, '?limit=2');
    expect(first.messages.map(({ id }) => id)).toEqual(['m1', 'm2']);
    expect([first.receipts, first.more]).toEqual([[], true]);
    expect(await page(bob, '?limit=2')).toEqual(first); // nothing was confirmed
    await confirm(
      bob,
      first.messages.map(({ key }) => key),
    );
    const second = await page(bob, '', two);
    expect([second.messages.map(({ id }) => id), second.more]).toEqual([['m3'], false]);
    await confirm(
      bob,
      second.messages.map(({ key }) => key),
    );
    expect(await page(bob)).toEqual({ messages: [], receipts: [], more: false });
    await alice.next('offline:N');
    const states = (await emptyMailbox(alice)).receipts.map(({ id, state }) => `${id} ${state}`);
    expect(states.sort()).toEqual(['m1 delivered', 'm2 delivered', 'm3 delivered']);
  });

  test('all fields, bodies as they were written, and receipts', async () => {
    const [bob, name] = [someone('bob'), someone('alice')];
    const alice = await connectAs(stack, one, name);
    const body = { n: 1, text: 'a\u0000\ud800' };
    alice.send({ type: 'msg:R', id: 'm', to: bob, body, seq: 3, thread: 't', ttl: 600, read: true });
    const { at } = await alice.next('msg:A', { id: 'm' });
    await alice.next('ack:N', { id: 'm', state: 'stored' });
    await alice.close();
    const { messages } = await page(bob);
    const proof = String(messages[0]?.read);
    const { key } = messages[0] as { key: string };
    expect(messages).toEqual([{ key, id: 'm', from: name, body, at, seq: 3, thread: 't', read: proof }]);
    await confirm(bob, [key]);
    const items = [{ from: name, id: 'm', read: proof }];
    expect(await own(bob, 'POST', '/read', { items })).toMatchObject({ status: 202 });
    await until(async () => (await page(name)).receipts[0]?.state === 'read', { what: 'the read receipt' });
    expect((await page(name)).receipts).toMatchObject([{ id: 'm', to: bob, state: 'read' }]);
  });

  test('a wrong proof has no effect', async () => {
    const [bob, name] = [someone('bob'), someone('alice')];
    const items = [{ from: name, id: 'm', read: 'made-up' }];
    expect((await own(bob, 'POST', '/read', { items })).status).toBe(202);
    expect(await page(name)).toEqual({ messages: [], receipts: [], more: false });
  });

  test('only the own mailbox: keys of others name nothing', async () => {
    const [bob, eve] = [someone('bob'), someone('eve')];
    await using alice = await connectAs(stack, one, someone('alice'));
    await store(alice, bob, 'm');
    const { messages } = await page(bob);
    await confirm(
      eve,
      messages.map(({ key }) => key),
    );
    await page(eve); // behind the confirmation, if both are in one partition
    expect((await page(bob)).messages).toEqual(messages);
  });
});

describe('the mailbox of a synced device', () => {
  test('has its own entries, and says what it missed; the user\u2019s own is that from before', async () => {
    const bob = someone('bob');
    await using alice = await connectAs(stack, one, someone('alice'));
    await store(alice, bob, 'before');
    await registerAway(stack, bob, 'phone', 'desk');
    await store(alice, bob, 'm');
    await stack.sql('INSERT INTO device_missed (recipient, device, count) VALUES ($1, $2, 3)', [
      bob,
      'phone',
    ]);
    expect((await page(bob)).messages.map(({ id }) => id)).toEqual(['before']);
    const phone = await page(bob, '?device=phone');
    expect(phone.messages.map(({ id }) => id)).toEqual(['before', 'm']);
    expect(phone.missed).toEqual({ key: expect.any(String) as string, count: 3 });
    const keys = [...phone.messages.map(({ key }) => key), String(phone.missed?.key)];
    await confirm(bob, keys, 'phone');
    expect(await page(bob, '?device=phone')).toEqual({ messages: [], receipts: [], more: false });
    const desk = await page(bob, '?device=desk');
    expect(desk.messages.map(({ id }) => id)).toEqual(['m']);
    expect(await page(bob)).toEqual({ messages: [], receipts: [], more: false });
  });

  test('of a device that is not synced: 404, also where its user has others', async () => {
    const bob = someone('bob');
    expect((await own(bob, 'GET', '/mailbox?device=phone')).status).toBe(404);
    await registerAway(stack, bob, 'desk');
    const answer = await own(bob, 'GET', '/mailbox?device=phone');
    expect(refused(answer)).toEqual([404, 'bad_packet', 'device: phone is not a synced device of this user']);
  });

  test('a session of the same device at the same time: both get an entry until one confirms it', async () => {
    const bob = someone('bob');
    await using alice = await connectAs(stack, one, someone('alice'));
    await registerAway(stack, bob, 'phone');
    await store(alice, bob, 'm1', 'm2');
    await using phone = await connectDevice(stack, two, bob, 'phone');
    const fetched = await page(bob, '?device=phone&limit=1');
    const pulled = await phone.pull(1);
    expect(pulled.messages).toEqual(fetched.messages);
    await confirm(
      bob,
      fetched.messages.map(({ key }) => key),
      'phone',
    );
    const next = await phone.pull(1);
    expect(next.messages.map(({ id }) => id)).toEqual(['m2']);
    phone.send({ type: 'offline:A', keys: next.messages.map(({ key }) => key) });
    await until(async () => (await page(bob, '?device=phone')).messages.length === 0, { what: 'm2 to go' });
    expect(await emptyMailbox(phone)).toEqual({ messages: [], receipts: [] });
    await alice.next('offline:N');
    const states = (await emptyMailbox(alice)).receipts.map(({ id, state }) => `${id} ${state}`);
    expect(states.sort()).toEqual(['m1 delivered', 'm2 delivered']); // once each
  });
});

describe('whose mailbox (G5)', () => {
  const REQUESTS: [method: string, path: string, body?: object][] = [
    ['GET', '/mailbox?user='],
    ['POST', '/mailbox/confirm', { keys: ['m1'] }],
    ['POST', '/read', { items: [{ from: 'a', id: 'm', read: 'x' }] }],
  ];
  const ask = (token: string, [method, path, body]: [string, string, object?], user?: string) =>
    http(one, method, path.endsWith('=') ? (user === undefined ? '/mailbox' : path + user) : path, {
      token,
      ...(body && { body: { ...body, user } }),
    });

  test.each(REQUESTS)(
    '%s %s: nobody else\u2019s, and a service only within its scope and its users',
    async (...request) => {
      const bob = someone('bob');
      const eve = await stack.token('eve');
      expect(refused(await ask(eve, request, bob))).toMatchObject([
        403,
        'forbidden',
        expect.stringContaining('eve'),
      ]);
      const unscoped = await serviceToken(stack, ['send', 'presence', 'admin']);
      expect(refused(await ask(unscoped, request, bob))).toMatchObject([
        403,
        'forbidden',
        expect.stringContaining('mailbox'),
      ]);
      const others = await serviceToken(stack, ['mailbox'], ['carol']);
      expect(refused(await ask(others, request, bob))).toMatchObject([
        403,
        'forbidden',
        expect.stringContaining(bob),
      ]);
      const service = await serviceToken(stack, ['mailbox'], [bob]);
      expect(refused(await ask(service, request))).toMatchObject([
        400,
        'bad_packet',
        expect.stringContaining('user'),
      ]);
      expect((await ask(service, request, bob)).status).toBeLessThan(300);
    },
  );
});

test.each([
  ['GET', '/mailbox?limit=0', undefined, 'limit'],
  ['GET', '/mailbox?limit=501', undefined, 'limit'],
  ['GET', '/mailbox?limit=many', undefined, 'limit'],
  ['GET', '/mailbox?limit=1&limit=2', undefined, 'limit'],
  ['GET', '/mailbox?device=', undefined, 'device'],
  ['POST', '/mailbox/confirm', { keys: [] }, 'keys'],
  ['POST', '/mailbox/confirm', { keys: ['m1'], device: 'a b' }, 'device'],
  ['POST', '/read', { items: [] }, 'items'],
])('%s %s %j: 400 names the field', async (method, path, body, field) => {
  const answer = await own(someone('bob'), method, path, body);
  expect(refused(answer)).toMatchObject([400, 'bad_packet', expect.stringMatching(`^${field}: `)]);
});

test('while routing is away: 503 with Retry-After; then as ever', async () => {
  const bob = someone('bob');
  const [routing] = stack.routing as [ServiceHandle];
  await routing.kill();
  const answer = await own(bob, 'GET', '/mailbox');
  expect(refused(answer)).toEqual([503, 'unavailable', expect.any(String)]);
  expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
  await routing.restart();
  await until(async () => (await own(bob, 'GET', '/mailbox')).status === 200, { what: 'an answer' });
});
