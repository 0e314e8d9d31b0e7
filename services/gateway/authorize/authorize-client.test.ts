import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type AskIfAllowed, createAuthorizeClient } from './authorize-client.ts';

/** The operator's end; how it answers is the test's decision. */
let answer: (response: ServerResponse, request: IncomingMessage) => void;
const server = createServer((request, response) => answer(response, request));
let ask: AskIfAllowed;
const patient = () => AbortSignal.timeout(5_000);

beforeAll(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  ask = createAuthorizeClient(`http://127.0.0.1:${(server.address() as AddressInfo).port}/may-write?key=1`);
});

afterAll(() => {
  server.close();
  server.closeAllConnections();
});

const json = (status: number, body: string) => (response: ServerResponse) =>
  void response.writeHead(status, { 'content-type': 'application/json' }).end(body);

test('the question names sender and receiver', async () => {
  let asked: unknown;
  answer = (response, request) =>
    void text(request).then((body) => {
      const { method, url, headers } = request;
      asked = { method, url, type: headers['content-type'], body: JSON.parse(body) as unknown };
      json(200, '{"allow":true}')(response);
    });
  expect(await ask('alice', 'bob', patient())).toBe(true);
  const body = { from: 'alice', to: 'bob' };
  expect(asked).toEqual({ method: 'POST', url: '/may-write?key=1', type: 'application/json', body });
});

test.each([
  ['{"allow":true}', true],
  ['{"allow":false,"why":"blocked"}', false],
])('%s is an answer', async (body, allowed) => {
  answer = json(200, body);
  expect(await ask('alice', 'bob', patient())).toBe(allowed);
});

describe('no answer is', () => {
  test.each<[string, typeof answer]>([
    ['an error', json(500, '{"allow":true}')],
    ['a refusal by somebody else', json(403, '{"allow":false}')],
    ['another success', json(201, '{"allow":true}')],
    [
      'a redirection',
      (response, { url }) =>
        url === '/yes'
          ? json(200, '{"allow":true}')(response)
          : void response.writeHead(307, { location: '/yes' }).end(),
    ],
    ['no JSON', json(200, '<html>welcome</html>')],
    ['nothing', json(200, '')],
    ['no object', json(200, 'true')],
    ['no allow', json(200, '{"ok":true}')],
    ['an allow of another type', json(200, '{"allow":"true"}')],
    ['too much', json(200, `{"allow":true,"why":"${'x'.repeat(100_000)}"}`)],
    ['a broken connection', (response) => void response.destroy()],
    ['half an answer', (response) => void (response.write('{"allow":'), response.destroy())],
  ])('%s', async (_, how) => {
    answer = how;
    await expect(ask('alice', 'bob', patient())).rejects.toThrow(Error);
  });

  test('that of nobody', async () => {
    await expect(createAuthorizeClient('http://127.0.0.1:1/')('alice', 'bob', patient())).rejects.toThrow(
      'fetch failed',
    );
  });

  test('one that does not come, or does not end, in time', async () => {
    answer = () => undefined;
    await expect(ask('alice', 'bob', AbortSignal.timeout(50))).rejects.toThrow('timeout');
    answer = (response) => void response.write('{"allow":true}');
    await expect(ask('alice', 'bob', AbortSignal.timeout(50))).rejects.toThrow('timeout');
  });

  test('one that would be quoted in the log', async () => {
    answer = json(200, 'private');
    await expect(ask('alice', 'bob', patient())).rejects.not.toThrow('private');
  });
});
