import { describe, expect, test } from 'vitest';
import { FakeHttp, json, type SeenRequest } from '../testing/fake-http.ts';
import { HttpError } from './http-error.ts';
import { ServerClient } from './server-client.ts';

/** Pauses that no test has to wait for. */
const retry = { baseMs: 0, maxMs: 0 };
const clientOf = ({ url }: FakeHttp, options = {}) =>
  new ServerClient({ url, token: 'TOKEN', retry, ...options });
const MESSAGE = { to: 'bob', body: { text: 'hello' }, from: 'shop' };
const idOf = ({ body }: SeenRequest) => (JSON.parse(body) as { id: string }).id;
const accepted = json(202, { id: 'm1', at: 7 });

test('a message goes out with the token, and an id of its own', async () => {
  await using server = await FakeHttp.start(accepted);
  expect(await clientOf(server).sendMessage({ ...MESSAGE, ttl: 60, read: true })).toEqual({
    id: 'm1',
    at: 7,
  });
  const [request] = server.seen;
  expect(request).toMatchObject({ method: 'POST', path: '/v1/messages' });
  expect(request?.headers).toMatchObject({
    authorization: 'Bearer TOKEN',
    'content-type': 'application/json',
  });
  const body = JSON.parse(request?.body ?? '') as object;
  expect(body).toEqual({
    ...MESSAGE,
    ttl: 60,
    read: true,
    id: expect.stringMatching(/^[\w-]{1,64}$/) as string,
  });
});

test.each([
  ['429', json(429, { code: 'rate_limited', message: 'slower' }, { 'retry-after': '0' })],
  ['503', json(503, { code: 'unavailable', message: 'the broker is away' })],
  ['502 of a proxy', json(502, {})],
  ['408', json(408, { code: 'bad_packet', message: 'the body did not come in time' })],
  ['a connection that breaks', (response: Parameters<typeof accepted>[0]) => void response.destroy()],
  [
    'an answer that breaks off',
    (response: Parameters<typeof accepted>[0]) => {
      response.writeHead(202, { 'content-length': 100 }).write('{"id"', () => response.destroy());
    },
  ],
])('after %s the message is sent again with the same id', async (_name, failure) => {
  await using server = await FakeHttp.start(failure, failure, accepted);
  expect(await clientOf(server).sendMessage(MESSAGE)).toEqual({ id: 'm1', at: 7 });
  expect(server.seen).toHaveLength(3);
  expect(new Set(server.seen.map(idOf)).size).toBe(1);
});

test('a refusal is not tried again, and says why', async () => {
  const re = { type: 'msg:R', id: 'm1', to: ['bob'] };
  await using server = await FakeHttp.start(json(403, { code: 'forbidden', message: 'not to bob', re }));
  const error = await clientOf(server)
    .sendMessage(MESSAGE)
    .catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(HttpError);
  expect(error).toMatchObject({
    code: 'forbidden',
    status: 403,
    message: 'not to bob',
    re,
    retryable: false,
  });
  expect(server.seen).toHaveLength(1);
});

test('a redirect is not followed: the token stays here', async () => {
  await using server = await FakeHttp.start(
    (response) => void response.writeHead(307, { location: '/other' }).end(),
  );
  await expect(clientOf(server).sendMessage(MESSAGE)).rejects.toMatchObject({ code: 'http_307' });
  expect(server.seen).toHaveLength(1);
});

test('it gives up after the number of tries, with the pause that the server asked for', async () => {
  const busy = json(503, { code: 'unavailable', message: 'busy' }, { 'retry-after': '0' });
  await using server = await FakeHttp.start(busy);
  const failed = clientOf(server).sendMessage(MESSAGE, { retries: 2 });
  await expect(failed).rejects.toMatchObject({ code: 'unavailable', retryAfterMs: 0, retryable: true });
  expect(server.seen).toHaveLength(3);
});

test('a signal ends a pause, and a try', async () => {
  const stop = new AbortController();
  await using server = await FakeHttp.start(
    json(503, { code: 'unavailable', message: 'busy' }, { 'retry-after': '0' }),
    () => stop.abort(new Error('enough')), // without an answer
  );
  await expect(clientOf(server).sendMessage(MESSAGE, { signal: stop.signal })).rejects.toThrow('enough');
  expect(server.seen).toHaveLength(2);
  await expect(clientOf(server).sendMessage(MESSAGE, { signal: stop.signal })).rejects.toThrow('enough');
  expect(server.seen).toHaveLength(2);

  const long = new AbortController();
  await using busy = await FakeHttp.start((response, request) => {
    response.on('finish', () => setImmediate(() => long.abort(new Error('no more'))));
    json(503, { code: 'unavailable', message: 'busy' }, { 'retry-after': '3600' })(response, request);
  });
  await expect(clientOf(busy).sendMessage(MESSAGE, { signal: long.signal })).rejects.toThrow('no more');
});

test('a try that takes too long is given up, and counts as one without an answer', async () => {
  await using server = await FakeHttp.start(() => undefined, accepted);
  expect(await clientOf(server, { timeoutMs: 50 }).sendMessage(MESSAGE)).toEqual({ id: 'm1', at: 7 });
});

test('a token function is asked for each try; its failure is the answer', async () => {
  await using server = await FakeHttp.start(json(503, { code: 'unavailable', message: 'busy' }), accepted);
  let asked = 0;
  await clientOf(server, { token: () => Promise.resolve(`T${++asked}`) }).sendMessage(MESSAGE);
  expect(server.seen.map(({ headers }) => headers.authorization)).toEqual(['Bearer T1', 'Bearer T2']);
  const failing = clientOf(server, { token: () => Promise.reject(new Error('no key')) });
  await expect(failing.sendMessage(MESSAGE)).rejects.toThrow('no key');
});

test('a body that is not JSON throws before anything is sent', async () => {
  await using server = await FakeHttp.start(accepted);
  await expect(clientOf(server).sendMessage({ to: 'bob', body: undefined })).rejects.toThrow(TypeError);
  expect(server.seen).toEqual([]);
});

describe('the other calls', () => {
  const page = { messages: [], receipts: [], more: false };
  const bob = { online: true, devices: [{ device: 'default', since: 1, sync: false }] };
  test.each<[string, object | undefined, (client: ServerClient) => Promise<unknown>, string, object?]>([
    ['GET /v1/mailbox?user=bob&limit=5', page, (c) => c.mailbox({ user: 'bob', limit: 5 }), ''],
    ['GET /v1/mailbox?', page, (c) => c.mailbox(), ''],
    [
      'POST /v1/mailbox/confirm',
      undefined,
      (c) => c.confirmMailbox(['k'], { user: 'bob', device: 'd' }),
      '{"keys":["k"],"user":"bob","device":"d"}',
    ],
    [
      'POST /v1/read',
      undefined,
      (c) => c.markRead([{ from: 'a', id: 'm', read: 'p' }]),
      '{"items":[{"from":"a","id":"m","read":"p"}]}',
    ],
    ['POST /v1/presence', { users: { bob } }, (c) => c.presence(['bob']), '{"users":["bob"]}', { bob }],
    ['GET /v1/users/a%40b/devices', { devices: [] }, (c) => c.devices('a@b'), '', []],
    ['DELETE /v1/users/bob/devices/d%3A1', undefined, (c) => c.removeDevice('bob', 'd:1'), ''],
    ['GET /v1/users/%252E/devices', { devices: [] }, (c) => c.devices('.'), '', []],
    ['DELETE /v1/users/%252E%252E/devices/%252E', undefined, (c) => c.removeDevice('..', '.'), ''],
    ['POST /v1/users/bob/revoke', undefined, (c) => c.revoke('bob'), ''],
    ['DELETE /v1/users/bob', undefined, (c) => c.erase('bob'), ''],
  ])('%s', async (line, answer, call, body, expected = answer) => {
    await using server = await FakeHttp.start(
      answer ? json(200, answer) : (response) => void response.writeHead(204).end(),
    );
    expect(await call(clientOf(server))).toEqual(expected);
    expect(server.seen.map(({ method, path }) => `${method} ${path}`)).toEqual([line]);
    expect(server.seen[0]?.body).toBe(body);
  });
});
