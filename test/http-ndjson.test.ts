import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ServiceHandle } from '../tools/testkit/service-handle.ts';
import { http } from './harness/http.ts';
import { connectAs } from './harness/raw-client.ts';
import { type Stack, startStack } from './harness/stack.ts';
import { until } from './harness/wait.ts';

/** PROTOCOL, the same over HTTP: POST /v1/messages as application/x-ndjson, and bodies that end badly. */

const NDJSON = 'application/x-ndjson';
const WINDOW = 16;
const REQUESTS = 20;

interface Answer {
  id?: string;
  at?: number;
  error?: { code: string; message: string };
}

let stack: Stack;
let gateway: ServiceHandle;

beforeAll(async () => {
  stack = await startStack({
    gateways: 1,
    env: { SEND_WINDOW: String(WINDOW), MAX_HTTP_REQUESTS: String(REQUESTS) },
  });
  [gateway] = stack.gateways as [ServiceHandle];
});

afterAll(() => stack.stop());

const line = (id: string, to: string, body: unknown = id) => JSON.stringify({ id, to, body });
const ids = (count: number) => Array.from({ length: count }, (_, n) => `m${n}`);
const parse = (said: string) =>
  said
    .split('\n')
    .slice(0, -1)
    .map((one) => JSON.parse(one) as Answer);

async function post(
  user: string,
  body: string,
  token?: string,
): Promise<{ status: number; answers: Answer[] }> {
  const response = await fetch(`${gateway.http}/v1/messages`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token ?? (await stack.token(user))}`, 'content-type': NDJSON },
    body,
  });
  const said = await response.text();
  return { status: response.status, answers: response.ok ? parse(said) : [JSON.parse(said) as Answer] };
}

/** Everything that comes back for these bytes; the client ends its side after them, or leaves it open. */
async function raw(user: string, type: string, rest: string, end: boolean): Promise<string> {
  const socket = connect(gateway.port, '127.0.0.1');
  socket.write(
    `POST /v1/messages HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${await stack.token(user)}\r\n` +
      `Content-Type: ${type}\r\n${rest}`,
  );
  if (end) socket.end();
  return text(socket);
}

const bodies = async (reason: string) =>
  (await stack.metrics(gateway)).value('sixfold_http_bodies_refused_total', { reason });

test('1,000 lines arrive in order, each answered in its place, with `at` strictly increasing', async () => {
  await using bob = await connectAs(stack, gateway, 'bob-1', { autoAck: true });
  const { status, answers } = await post(
    'alice-1',
    ids(1_000)
      .map((id) => line(id, 'bob-1'))
      .join('\n'),
  );
  expect(status).toBe(200);
  expect(answers.map(({ id }) => id)).toEqual(ids(1_000));
  const ats = answers.map(({ at = 0 }) => at);
  expect(ats).toEqual([...new Set(ats)].sort((a, b) => a - b));
  await until(() => bob.all('msg:N').length === 1_000, { what: 'all to arrive' });
  expect(bob.all('msg:N').map(({ id, at }) => [id, at])).toEqual(answers.map(({ id, at }) => [id, at]));
});

test('a line that is refused has its own error, and a service token names the users', async () => {
  await using bob = await connectAs(stack, gateway, 'bob-2', { autoAck: true });
  const token = await stack.serviceToken(['alice-2'], ['send']);
  const body = [
    JSON.stringify({ id: 'a', to: 'bob-2', body: 1, from: 'alice-2' }),
    '',
    '{',
    JSON.stringify({ id: 'b', to: 'bob-2', body: 1, from: 'eve' }),
    JSON.stringify({ id: 'c', to: 'bob-2', body: 1 }),
    JSON.stringify({ id: 'd', to: 'bob-2', body: 1, from: 'alice-2' }),
  ];
  const { answers } = await post('', `${body.join('\r\n')}\r\n`, token);
  expect(answers.map(({ id, error }) => [id, error?.code])).toEqual([
    ['a', undefined],
    [undefined, 'bad_packet'],
    ['b', 'forbidden'],
    ['c', 'bad_packet'],
    ['d', undefined],
  ]);
  await bob.next('msg:N', { id: 'd' });
  expect(bob.all('msg:N').map(({ id }) => id)).toEqual(['a', 'd']);
});

test('a 1,001st line, and more than 1 MiB, are 413', async () => {
  const before = [await bodies('too_many_lines'), await bodies('too_large')];
  const many = await post(
    'alice-3',
    ids(1_001)
      .map((id) => line(id, 'bob-3'))
      .join('\n'),
  );
  expect([many.status, many.answers]).toMatchObject([413, [{ code: 'bad_packet' }]]);
  const large = await post(
    'alice-3',
    Array(20)
      .fill(line('x', 'bob-3', 'x'.repeat(60_000)))
      .join('\n'),
  );
  expect([large.status, large.answers]).toMatchObject([413, [{ code: 'bad_packet' }]]);
  expect([await bodies('too_many_lines'), await bodies('too_large')]).toEqual(
    before.map((count) => count + 1),
  );
});

test('lines are published and answered as they come', async () => {
  await using bob = await connectAs(stack, gateway, 'bob-4', { autoAck: true });
  const headers = { authorization: `Bearer ${await stack.token('alice-4')}`, 'content-type': NDJSON };
  const client = request(`${gateway.http}/v1/messages`, { method: 'POST', headers });
  const answered = once(client, 'response');
  for (const id of ['a', 'b', 'c']) {
    client.write(`${line(id, 'bob-4')}\n`);
    await bob.next('msg:N', { id });
  }
  const [response] = (await answered) as [IncomingMessage];
  client.end(`${line('d', 'bob-4')}\n`);
  expect(parse(await text(response)).map(({ id }) => id)).toEqual(['a', 'b', 'c', 'd']);
});

test('a client that does not read its answers is cut off, and holds nothing', async () => {
  const open = async () => (await stack.metrics(gateway)).value('sixfold_http_requests_open');
  await until(async () => (await open()) === 0, { what: 'the others to be answered' });
  const socket = connect(gateway.port, '127.0.0.1');
  const token = await stack.token('alice-5');
  const body = ids(1_000)
    .map((id) => line(id, 'bob-5', 1))
    .join('\n');
  socket.pause();
  socket.write(
    `POST /v1/messages HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\nContent-Type: ${NDJSON}\r\n` +
      `Content-Length: ${body.length}\r\n\r\n${body}`,
  );
  await until(
    async () =>
      (await stack.sql('SELECT FROM offline_messages WHERE recipient = $1', ['bob-5'])).length === 1_000,
    { what: 'all lines to be published' },
  );
  socket.destroy();
  await until(async () => (await open()) === 0, { what: 'the request to end' });
});

test('bodies that are short, broken, slow or too long end with a typed answer, and are counted', async () => {
  const before = await Promise.all(['broken', 'slow', 'too_large'].map(bodies));
  const json = 'application/json';
  const [short, chunks, slow, large, longer] = await Promise.all([
    raw('a-1', json, 'Content-Length: 500\r\n\r\n{"id":', true),
    raw('a-2', json, 'Transfer-Encoding: chunked\r\n\r\nzz\r\n', false),
    raw('a-3', json, 'Content-Length: 500\r\n\r\n{"id":', false),
    raw('a-4', json, 'Content-Length: 99999999\r\n\r\n', false),
    raw('a-5', json, `Content-Length: 30\r\n\r\n{"id":"m","to":"bob","body":1}GARBAGE\r\n\r\n`, false),
  ]);
  expect(short).toMatch(/^HTTP\/1.1 400 .*"code":"bad_packet"/s);
  expect(chunks).toMatch(/^HTTP\/1.1 400 .*"code":"bad_packet"/s);
  expect(slow).toMatch(/^HTTP\/1.1 408 .*"code":"bad_packet"/s);
  expect(large).toMatch(/^HTTP\/1.1 413 .*"code":"bad_packet"/s);
  expect(longer).toMatch(/^HTTP\/1.1 202 .*"id":"m"/s);
  const after = await Promise.all(['broken', 'slow', 'too_large'].map(bodies));
  expect(after[1]).toBe((before[1] ?? 0) + 1);
  expect(after[2]).toBe((before[2] ?? 0) + 1);
});

test('a request beyond MAX_HTTP_REQUESTS is 503, until one of the others ends', async () => {
  const token = await stack.token('alice-6');
  const held = new Set<Socket>();
  const hold = () => {
    const socket = connect(gateway.port, '127.0.0.1').on('error', () => undefined);
    held.add(socket.once('close', () => held.delete(socket)));
    socket.once('data', () => socket.destroy()); // refused, or given up: it holds no place
    socket.write(
      `POST /v1/messages HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\n` +
        'Content-Type: application/json\r\nContent-Length: 500\r\n\r\n{"id":"h",',
    );
  };
  const ask = () => http(gateway, 'POST', '/messages', { token, body: { id: 'm', to: 'bob-6', body: 1 } });
  let answer = await ask();
  await until(
    async () => {
      while (held.size < REQUESTS) hold(); // a slow body is given up after a while
      answer = await ask();
      return answer.status === 503;
    },
    { what: 'the gateway to be full' },
  );
  expect(answer.json).toMatchObject({ code: 'unavailable' });
  expect(answer.headers.get('retry-after')).toBe('1');
  for (const socket of held) socket.destroy();
  await until(async () => (await ask()).status === 202, { what: 'room for a request' });
});
