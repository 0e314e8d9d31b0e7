import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { partitionOf, routeQueue } from '#libs/broker/topology.ts';
import type { ServiceHandle } from '../tools/testkit/service-handle.ts';
import { http } from './harness/http.ts';
import { publishTo, withChannel } from './harness/queues.ts';
import { connectRaw } from './harness/raw-client.ts';
import { type Stack, startStack } from './harness/stack.ts';

/** PROTOCOL, the same over HTTP: whose token comes with a request, and what it may do. */

const PARTITIONS = 8;

let stack: Stack;
let one: ServiceHandle;
let two: ServiceHandle;

beforeAll(async () => {
  stack = await startStack({ env: { SERVICE_RATE_LIMIT_PER_S: '0.001', SERVICE_RATE_BURST: '40' } });
  [one, two] = stack.gateways as [ServiceHandle, ServiceHandle];
});

afterAll(() => stack.stop());

const message = { id: 'm', to: 'bob', body: 1 };
const send = (token: string, body: object = message, gateway = one) =>
  http(gateway, 'POST', '/messages', { token, body });
const codeOf = ({ status, json }: { status: number; json: unknown }) => [
  status,
  (json as { code?: string }).code,
];
const messageOf = ({ json }: { json: unknown }) => (json as { message: string }).message;

test('a token is checked like a login: 401', async () => {
  const bad = [
    await stack.token('alice', { expires: -1 }),
    await stack.token('alice', { secret: 'another secret, long enough for HS256 too' }),
    'garbage',
    await stack.token('shop', { claims: { sixfold: { as: ['alice'] } } }),
    await stack.token('shop', { claims: { sixfold: { scopes: ['send'] } } }),
    await stack.token('shop', { claims: { sixfold: { as: 'alice', scopes: ['send'] } } }),
    await stack.serviceToken(['alice'], ['everything']),
  ];
  for (const token of bad) expect(codeOf(await send(token))).toEqual([401, 'unauthorized']);
  const without = await http(one, 'POST', '/messages', { body: message });
  expect(codeOf(without)).toEqual([401, 'unauthorized']);
  expect(without.headers.get('www-authenticate')).toBe('Bearer');
  const headers = { authorization: `Basic ${await stack.token('alice')}` };
  expect(codeOf(await http(one, 'POST', '/messages', { body: message, headers }))).toEqual([
    401,
    'unauthorized',
  ]);
});

test("a user's token acts as its user, and as nobody else", async () => {
  const token = await stack.token('alice');
  expect(codeOf(await send(token, { ...message, from: 'alice' }))).toEqual([202, undefined]);
  expect(codeOf(await send(token, { ...message, from: 'carol' }))).toEqual([403, 'forbidden']);
});

test('a service token acts as the users that it names, with the scope; refusals say what is missing', async () => {
  const token = await stack.serviceToken(['alice', 'carol'], ['send']);
  expect(codeOf(await send(token, { ...message, from: 'carol' }))).toEqual([202, undefined]);
  expect(codeOf(await send(token))).toEqual([400, 'bad_packet']);
  const dave = await send(token, { ...message, from: 'dave' });
  expect([...codeOf(dave), messageOf(dave)]).toEqual([403, 'forbidden', expect.stringContaining('dave')]);
  const own = await send(token, { ...message, from: 'service' });
  expect(codeOf(own)).toEqual([403, 'forbidden']); // its sub is no user that it acts as
  const unable = await send(await stack.serviceToken(['*'], ['mailbox']), { ...message, from: 'alice' });
  expect([...codeOf(unable), messageOf(unable)]).toEqual([
    403,
    'forbidden',
    expect.stringContaining('scope send'),
  ]);
  const all = await stack.serviceToken(['*'], ['send']);
  expect(codeOf(await send(all, { ...message, from: 'anybody' }))).toEqual([202, undefined]);
});

test('a service token does not log in over the WebSocket', async () => {
  const client = await connectRaw(one.url);
  client.send({ type: 'login:R', token: await stack.serviceToken(['*'], ['send', 'mailbox', 'admin']) });
  await client.next('error', { code: 'unauthorized' });
  expect(await client.closed).toMatchObject({ code: 4401 });
});

test('a service token has a rate of its own, for all its requests: 429 with Retry-After', async () => {
  const token = await stack.token('busy', { claims: { sixfold: { as: ['alice'], scopes: ['send'] } } });
  const answers = [];
  for (let n = 0; n < 41; n++)
    answers.push(await send(token, { ...message, id: `m${n}`, from: 'alice' }, two));
  expect(answers.slice(0, 40).every(({ status }) => status === 202)).toBe(true);
  const last = answers[40];
  expect(last && codeOf(last)).toEqual([429, 'rate_limited']);
  expect(Number(last?.headers.get('retry-after'))).toBeGreaterThan(0);
  expect((await send(await stack.token('busy'), message, two)).status).toBe(202); // a user of that name has another
});

test('paths, methods and content types', async () => {
  expect(codeOf(await http(one, 'GET', '/nothing'))).toEqual([404, 'bad_packet']);
  expect(codeOf(await http(one, 'POST', '/MESSAGES', { body: message }))).toEqual([404, 'bad_packet']);
  expect((await fetch(`${one.http}/V1/openapi.json`)).status).toBe(404);
  const put = await http(one, 'PUT', '/messages', { body: message });
  expect([...codeOf(put), put.headers.get('allow')]).toEqual([405, 'bad_packet', 'POST, OPTIONS']);
  const token = await stack.token('alice');
  const text = await http(one, 'POST', '/messages', { token, body: message, type: 'text/plain' });
  expect(codeOf(text)).toEqual([415, 'bad_packet']);
});

test('a revoked token is refused on every gateway, also where it was good before; a fresh one is not', async () => {
  const user = 'zoe';
  const old = await stack.token(user);
  const service = await stack.token(user, { claims: { sixfold: { as: ['alice'], scopes: ['send'] } } });
  for (const gateway of [one, two]) {
    expect((await send(old, message, gateway)).status).toBe(202);
    expect((await send(service, { ...message, from: 'alice' }, gateway)).status).toBe(202);
  }
  const at = Date.now() + 2_000; // in a later second than the tokens
  await withChannel(stack, (channel) =>
    publishTo(
      channel,
      routeQueue(partitionOf(user, PARTITIONS)),
      JSON.stringify([{ kind: 'revoke', user, at }]),
    ),
  );
  for (const gateway of [one, two]) {
    await expect
      .poll(async () => codeOf(await send(old, message, gateway)), { timeout: 20_000 })
      .toEqual([401, 'unauthorized']);
    expect(codeOf(await send(service, { ...message, from: 'alice' }, gateway))).toEqual([
      401,
      'unauthorized',
    ]);
  }
  await expect.poll(async () => (await send(await stack.token(user))).status, { timeout: 30_000 }).toBe(202);
  expect((await send(await stack.token('other'))).status).toBe(202);
});

test('npm run token makes them, and grants nothing that was not asked for', async () => {
  const run = async (...args: string[]) =>
    promisify(execFile)(process.execPath, ['tools/token.ts', ...args], {
      env: { ...process.env, AUTH_SECRET: stack.secret },
    }).then(
      ({ stdout }) => stdout.trim(),
      (error: unknown) => (error as { stderr: string }).stderr,
    );
  const token = await run('--service', '--as', 'alice,bob', '--scopes', 'send');
  expect((await send(token, { ...message, from: 'bob' })).status).toBe(202);
  expect((await send(token, { ...message, from: 'carol' })).status).toBe(403);
  expect(await run('--service', '--as', 'alice')).toContain('--scopes');
  expect(await run('--service', '--as', 'alice', '--scopes', 'fly')).toContain('fly');
  expect(await run('alice', '--as', 'bob')).toContain('--service');
  expect((await send(await run('alice'))).status).toBe(202);
});
