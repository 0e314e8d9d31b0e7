import { once } from 'node:events';
import { createServer, request as send, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Request } from 'express';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { BodyStream } from './body-stream.ts';
import type { Problem } from './problems.ts';

/** How the bodies of requests end. */

let onRequest: (request: Request) => void;
const server = createServer((request, response) => {
  onRequest(request as Request);
  request.on('end', () => response.end());
});

beforeAll(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});

afterAll(() => {
  server.close();
  server.closeAllConnections();
});

/** Sends the beginning of a body. @returns its fate, and the client's end */
function begin(maxBytes: number, timeoutMs: number, headers: Record<string, string>, beginning: string) {
  const client = send({ port: (server.address() as AddressInfo).port, method: 'POST', headers });
  client.on('error', () => undefined);
  let stream: BodyStream | undefined;
  const chunks: Buffer[] = [];
  const end = new Promise<Problem | undefined>((resolve) => {
    onRequest = (request) => {
      const sink = { chunk: (chunk: Buffer) => void chunks.push(chunk), end: resolve };
      stream = new BodyStream(request, maxBytes, sink, timeoutMs);
    };
  });
  client.write(beginning);
  const text = () => Buffer.concat(chunks).toString();
  return { client, end, text, stream: () => stream };
}

test('a whole body ends without a problem', async () => {
  const { client, end, text } = begin(10, 60_000, {}, '12345');
  client.end('67890');
  expect([await end, text()]).toEqual([undefined, '1234567890']);
});

test('one that is too large is 413: at once by its length, else when it is', async () => {
  const { end, text } = begin(10, 60_000, { 'content-length': '11' }, '1');
  expect(await end).toMatchObject({ status: 413, code: 'bad_packet' });
  expect(text()).toBe('');
  const { end: end2 } = begin(10, 60_000, {}, '12345678901');
  expect(await end2).toMatchObject({ status: 413 });
});

test('one that breaks off is 400', async () => {
  const { client, end, stream } = begin(10, 60_000, { 'content-length': '10' }, '12345');
  await expect.poll(stream).toBeDefined();
  client.destroy();
  expect(await end).toMatchObject({ status: 400 });
});

test('one that does not come in time is 408; the time does not run while nobody reads', async () => {
  const { end, stream } = begin(10, 100, { 'content-length': '10' }, '12345');
  await expect.poll(stream).toBeDefined();
  stream()?.pause();
  const paused = await Promise.race([
    end.then(() => 'ended'),
    new Promise((resolve) => setTimeout(() => resolve('waits'), 300)),
  ]);
  expect(paused).toBe('waits');
  stream()?.resume();
  expect(await end).toMatchObject({ status: 408, code: 'bad_packet', headers: { Connection: 'close' } });
});

test('what is stopped tells nobody, and the rest is taken off the wire', async () => {
  const { client, text, stream } = begin(10, 60_000, {}, '12345');
  await expect.poll(text).toBe('12345');
  stream()?.stop();
  client.end('67890');
  const [response] = (await once(client, 'response')) as [IncomingMessage];
  expect([response.statusCode, text()]).toEqual([200, '12345']);
});
