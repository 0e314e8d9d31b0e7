import type { ServerResponse } from 'node:http';
import { expect, test } from 'vitest';
import { FakeHttp, json, type SeenRequest } from '../testing/fake-http.ts';
import { lines } from './ndjson.ts';
import { ServerClient } from './server-client.ts';
import type { BatchResult, NewMessage } from './server-types.ts';

const clientOf = ({ url }: FakeHttp) =>
  new ServerClient({ url, token: 'TOKEN', retry: { baseMs: 0, maxMs: 0 } });
const messages = (count: number, body: unknown = 'x'): NewMessage[] =>
  Array.from({ length: count }, (_, n) => ({ id: `m${n}`, to: 'bob', body }));
const idsIn = ({ body }: SeenRequest) =>
  body
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => (JSON.parse(line) as { id: string }).id);
const accept = (id: string): BatchResult => ({ id, at: Number(id.slice(1)) });
const refuse = (id: string, code: string): BatchResult => ({ id, error: { code, message: 'no' } });

/** Answers each line with what `answer` makes of its id. */
const answering =
  (answer: (id: string) => BatchResult) => (response: ServerResponse, request: SeenRequest) => {
    response.writeHead(200, { 'content-type': 'application/x-ndjson' });
    response.end(
      idsIn(request)
        .map((id) => `${JSON.stringify(answer(id))}\n`)
        .join(''),
    );
  };

async function all(results: AsyncIterable<BatchResult>): Promise<BatchResult[]> {
  const list: BatchResult[] = [];
  for await (const result of results) list.push(result);
  return list;
}

test('2,500 messages go out in three requests, and their results come in order', async () => {
  await using server = await FakeHttp.start(answering(accept));
  const results = await all(clientOf(server).sendBatch(messages(2_500)));
  expect(results).toEqual(messages(2_500).map(({ id = '' }) => accept(id)));
  expect(server.seen.map((request) => idsIn(request).length)).toEqual([1_000, 1_000, 500]);
  expect(server.seen[0]?.headers['content-type']).toBe('application/x-ndjson');
});

test('no request is larger than 1 MiB, counted in bytes', async () => {
  await using server = await FakeHttp.start(answering(accept));
  await all(clientOf(server).sendBatch(messages(100, 'é'.repeat(10_000))));
  const sizes = server.seen.map(({ body }) => Buffer.byteLength(body));
  expect(sizes).toHaveLength(2);
  for (const size of sizes) expect(size).toBeLessThanOrEqual(1024 * 1024);
  expect(sizes[0]).toBeGreaterThan(1_000_000);
});

test('an async source is read as the requests go, and no further', async () => {
  await using server = await FakeHttp.start(answering(accept));
  let taken = 0;
  async function* source() {
    for (const message of messages(5_000)) {
      taken++;
      yield await Promise.resolve(message);
    }
  }
  const results = clientOf(server).sendBatch(source());
  expect((await results.next()).value).toEqual(accept('m0'));
  expect(taken).toBeLessThanOrEqual(1_001);
  await results.return();
  expect(server.seen).toHaveLength(1);
});

test('what a slow source has given goes after a while, without waiting for the rest', async () => {
  await using server = await FakeHttp.start(answering(accept));
  const gate = Promise.withResolvers<undefined>();
  async function* source() {
    yield* messages(2);
    await gate.promise;
    yield* messages(4).slice(2);
  }
  const results = clientOf(server).sendBatch(source());
  for (const id of ['m0', 'm1']) expect((await results.next()).value).toEqual(accept(id));
  gate.resolve(undefined);
  expect(await all(results)).toEqual(['m2', 'm3'].map(accept));
  expect(server.seen.map(idsIn)).toEqual([
    ['m0', 'm1'],
    ['m2', 'm3'],
  ]);
});

test('a batch that is given up ends its source, and a source that fails ends the batch', async () => {
  await using server = await FakeHttp.start(answering(accept));
  const ended = Promise.withResolvers<undefined>();
  async function* source() {
    try {
      for (const message of messages(2_000)) yield await Promise.resolve(message);
    } finally {
      ended.resolve(undefined);
    }
  }
  const results = clientOf(server).sendBatch(source());
  await results.next();
  await results.return();
  await ended.promise;
  async function* failing() {
    yield* messages(1);
    await Promise.reject(new Error('the source is gone'));
  }
  await expect(all(clientOf(server).sendBatch(failing()))).rejects.toThrow('the source is gone');
});

test('only the lines that may succeed later are sent again; the results keep their order', async () => {
  await using server = await FakeHttp.start(
    answering((id) =>
      id === 'm1' ? refuse(id, 'rate_limited') : id === 'm2' ? refuse(id, 'forbidden') : accept(id),
    ),
    answering(accept),
  );
  const results = await all(clientOf(server).sendBatch(messages(4)));
  expect(results).toEqual([accept('m0'), accept('m1'), refuse('m2', 'forbidden'), accept('m3')]);
  expect(server.seen.map(idsIn)).toEqual([['m0', 'm1', 'm2', 'm3'], ['m1']]);
});

test('an answer that breaks off in the middle: only the rest is sent again', async () => {
  await using server = await FakeHttp.start((response) => {
    response.writeHead(200, { 'content-type': 'application/x-ndjson' });
    const [first, second] = [accept('m0'), accept('m1')].map((line) => JSON.stringify(line));
    response.write(`${first}\n${second}\n{"id":`, () => setImmediate(() => response.destroy()));
  }, answering(accept));
  expect(await all(clientOf(server).sendBatch(messages(4)))).toEqual(['m0', 'm1', 'm2', 'm3'].map(accept));
  expect(server.seen.map(idsIn)).toEqual([
    ['m0', 'm1', 'm2', 'm3'],
    ['m2', 'm3'],
  ]);
});

test('when it ends early each message taken has a result, and the iteration throws', async () => {
  await using server = await FakeHttp.start(
    answering((id) => (id === 'm1' ? accept(id) : refuse(id, 'unavailable'))),
    json(401, { code: 'unauthorized', message: 'expired' }),
  );
  const results: BatchResult[] = [];
  const run = async () => {
    for await (const result of clientOf(server).sendBatch(messages(3))) results.push(result);
  };
  await expect(run()).rejects.toMatchObject({ code: 'unauthorized', status: 401 });
  const error = { code: 'unauthorized', message: 'expired' };
  expect(results).toEqual([{ id: 'm0', error }, accept('m1'), { id: 'm2', error }]);
});

test('the number of tries counts those without progress', async () => {
  let requests = 0;
  // The first line of each request is accepted, until four are left: then one more try.
  await using server = await FakeHttp.start((response, request) => {
    requests++;
    const [first] = requests <= 6 ? idsIn(request) : [];
    answering((id) => (id === first ? accept(id) : refuse(id, 'rate_limited')))(response, request);
  });
  const results: BatchResult[] = [];
  const run = async () => {
    for await (const result of clientOf(server).sendBatch(messages(10), { retries: 1 })) results.push(result);
  };
  await expect(run()).rejects.toMatchObject({ code: 'rate_limited' });
  expect(results.filter((result) => 'at' in result)).toHaveLength(6);
  expect(requests).toBe(7);
});

test('lines may come in any pieces', async () => {
  const bytes = new TextEncoder().encode('{"a":"é"}\n\n{"b":1}\n{"c":"€"}');
  const pieces = new ReadableStream<Uint8Array>({
    start(controller) {
      for (const byte of bytes) controller.enqueue(Uint8Array.of(byte));
      controller.close();
    },
  });
  const found: string[] = [];
  for await (const line of lines(pieces)) found.push(line);
  expect(found).toEqual(['{"a":"é"}', '{"b":1}', '{"c":"€"}']);
});
