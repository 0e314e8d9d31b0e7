import { once } from 'node:events';
import { type ClientRequest, type IncomingMessage, request as send } from 'node:http';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { describe, expect, test } from 'vitest';
import { HTTP_LIMITS } from './limits.ts';
import { HttpFixture, serviceToken, userToken } from './testing/http-fixture.ts';

/** Batches: POST /v1/messages with application/x-ndjson. */

const NDJSON = 'application/x-ndjson';
const line = (id: string, more: object = {}) => JSON.stringify({ id, to: 'bob', body: 1, ...more });
const lines = (count: number, from = 0) => Array.from({ length: count }, (_, n) => line(`m${from + n}`));

interface Answer {
  id?: string;
  at?: number;
  error?: { code: string; message: string; re?: unknown };
}
const parse = (body: string) =>
  body
    .split('\n')
    .slice(0, -1)
    .map((one) => JSON.parse(one) as Answer);

async function post(
  http: HttpFixture,
  body: string | Buffer<ArrayBuffer>,
  token?: string,
): Promise<{ status: number; type: string | null; answers: Answer[] }> {
  const response = await fetch(`${http.url}/v1/messages`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token ?? (await userToken('alice'))}`, 'content-type': NDJSON },
    body,
  });
  const { status, headers } = response;
  const said = await response.text();
  const type = headers.get('content-type');
  return {
    status,
    type,
    answers: type?.startsWith(NDJSON) === true ? parse(said) : [JSON.parse(said) as Answer],
  };
}

/** A client that writes piece by piece, without saying how much will come. */
async function stream(
  http: HttpFixture,
): Promise<{ client: ClientRequest; answer: Promise<IncomingMessage> }> {
  const headers = { authorization: `Bearer ${await userToken('alice')}`, 'content-type': NDJSON };
  const client = send(`${http.url}/v1/messages`, { method: 'POST', headers });
  client.on('error', () => undefined);
  const answer = once(client, 'response').then(([response]) => response as IncomingMessage);
  client.flushHeaders();
  return { client, answer };
}

const messagesOf = ({ routed }: HttpFixture) => routed.filter(({ entry }) => entry.kind === 'message');

describe('a batch', () => {
  test('has an answer for each line, in order, whatever order the confirms come in', async () => {
    using http = await HttpFixture.start();
    http.confirms = false;
    const asked = post(http, `${lines(3).join('\n')}\n`);
    await expect.poll(() => http.routed.length).toBe(6);
    for (const { pending } of http.routed.toReversed()) pending?.settled();
    const { status, type, answers } = await asked;
    expect([status, type]).toEqual([200, NDJSON]);
    expect(answers.map(({ id }) => id)).toEqual(['m0', 'm1', 'm2']);
    const ats = answers.map(({ at = 0 }) => at);
    expect(ats).toEqual([...new Set(ats)].sort((a, b) => a - b)); // strictly increasing
    expect(messagesOf(http).map(({ entry }) => 'at' in entry && entry.at)).toEqual(ats);
  });

  test('leaves blank lines out, and needs no line end behind the last line', async () => {
    using http = await HttpFixture.start();
    const { status, answers } = await post(http, `\n${line('a')}\r\n \t\r\n\n${line('b')}`);
    expect([status, answers.map(({ id }) => id)]).toEqual([200, ['a', 'b']]);
    expect(await post(http, '\n\n')).toMatchObject({ status: 200, answers: [] });
  });

  test('a line that is off has an error of its own, and the others go on', async () => {
    using http = await HttpFixture.start({ MAX_PACKET_BYTES: '256' });
    const token = await userToken('alice', { can_send: ['bob', 'carol'] });
    const body = [
      line('a'),
      'no json',
      line('b', { seq: -1 }),
      line('c', { from: 'zoe' }),
      line('d', { to: 'zoe' }),
      line('e', { to: ['bob', 'zoe'] }),
      line('f', { body: 'x'.repeat(300) }),
      line('g'),
    ];
    const { answers } = await post(http, body.join('\n'), token);
    const codes = answers.map(({ id, error }) => [id, error?.code]);
    expect(codes).toEqual([
      ['a', undefined],
      [undefined, 'bad_packet'],
      ['b', 'bad_packet'],
      ['c', 'forbidden'],
      ['d', 'forbidden'],
      ['e', 'forbidden'],
      [undefined, 'bad_packet'],
      ['g', undefined],
    ]);
    expect(answers[4]).toEqual({
      id: 'd',
      error: { code: 'forbidden', message: expect.any(String) as string },
    });
    expect(answers[5]?.error?.re).toEqual({ type: 'msg:R', id: 'e', to: ['zoe'] });
  });

  test('a service token names a user on each line', async () => {
    using http = await HttpFixture.start();
    const token = await serviceToken(['alice', 'carol'], ['send']);
    const body = [
      line('a', { from: 'alice' }),
      line('b', { from: 'carol' }),
      line('c'),
      line('d', { from: 'eve' }),
    ];
    const { answers } = await post(http, body.join('\n'), token);
    expect(answers.map(({ error }) => error?.code)).toEqual([
      undefined,
      undefined,
      'bad_packet',
      'forbidden',
    ]);
    expect(messagesOf(http).map(({ entry }) => 'from' in entry && entry.from)).toEqual(['alice', 'carol']);
    const without = await post(http, line('a', { from: 'alice' }), await serviceToken(['*'], ['mailbox']));
    expect([without.status, without.answers]).toMatchObject([403, [{ code: 'forbidden' }]]);
  });

  test('1,000 lines are taken, a 1,001st is 413', async () => {
    using http = await HttpFixture.start();
    const { status, answers } = await post(http, `${lines(1_000).join('\n\n')}\n\n`);
    expect([status, answers.length, answers.at(-1)?.id]).toEqual([200, 1_000, 'm999']);
    const more = await post(http, lines(1_001).join('\n'));
    expect([more.status, more.answers]).toMatchObject([413, [{ code: 'bad_packet' }]]);
  });

  test('more than 1 MiB is 413, with a length and without', async () => {
    using http = await HttpFixture.start();
    const large = Array.from({ length: 20 }, (_, n) => line(`m${n}`, { body: 'x'.repeat(60_000) })).join(
      '\n',
    );
    expect((await post(http, large)).status).toBe(413);
    expect(http.routed).toEqual([]);
    const { client, answer } = await stream(http);
    client.end(large);
    expect((await answer).statusCode).toBe(413);
  });
});

describe('a stream', () => {
  test('lines are published as they come, and answered to a client that waits', async () => {
    using http = await HttpFixture.start();
    const { client, answer } = await stream(http);
    client.write(`${line('a')}\n{"id":"b",`);
    const response = (await answer).setEncoding('utf8');
    expect(parse(String((await once(response, 'data'))[0]))).toMatchObject([{ id: 'a' }]);
    client.write('"to":"bob","body":2}\n');
    expect(parse(String((await once(response, 'data'))[0]))).toMatchObject([{ id: 'b' }]);
    client.end();
    await once(response, 'end');
  });

  test('once it is answered, a 1,001st line ends it with an error line', async () => {
    using http = await HttpFixture.start();
    const { client, answer } = await stream(http);
    client.write(`${line('a')}\n`);
    const response = await answer;
    client.end(lines(1_005).join('\n'));
    const answers = parse(await text(response));
    expect(answers).toHaveLength(1_001);
    expect(answers[999]).toMatchObject({ id: 'm998', at: expect.any(Number) as number });
    expect(answers[1_000]).toEqual({ error: { code: 'bad_packet', message: expect.any(String) as string } });
  });

  test('at most SEND_WINDOW lines are unanswered, and the rest is not read', async () => {
    using http = await HttpFixture.start({ SEND_WINDOW: '5' });
    http.confirms = false;
    const asked = post(http, lines(20).join('\n'));
    for (let settled = 0; settled < 40;) {
      await expect.poll(() => http.routed.length).toBe(settled + 10); // five messages, five copies
      await new Promise((resolve) => setImmediate(resolve));
      expect(http.routed).toHaveLength(settled + 10);
      for (const { pending } of http.routed.slice(settled)) pending?.settled();
      settled += 10;
    }
    expect((await asked).answers).toHaveLength(20);
  });

  test('one that is not accepted stops it: what comes behind overtakes nothing', async () => {
    using http = await HttpFixture.start({ SEND_WINDOW: '2' });
    http.confirms = false;
    const asked = post(http, lines(5).join('\n'));
    await expect.poll(() => http.routed.length).toBe(4);
    for (const { pending } of http.routed) pending?.settled(new Error('no confirm'));
    const { answers } = await asked;
    expect(answers.map(({ id, error }) => [id, error?.code])).toEqual(
      [0, 1, 2, 3, 4].map((n) => [`m${n}`, 'unavailable']),
    );
    expect(http.routed).toHaveLength(4);
  });

  test('ten lines are one packet for the rate; from the first that is beyond it on, all are', async () => {
    using http = await HttpFixture.start({ RATE_LIMIT_PER_S: '0.001', RATE_BURST: '3' });
    const { answers } = await post(http, lines(35).join('\n'));
    const limited = answers.map(({ error }) => error?.code === 'rate_limited');
    expect(limited).toEqual([...Array<boolean>(30).fill(false), ...Array<boolean>(5).fill(true)]);
    expect(answers[34]?.id).toBe('m34');
    expect((await post(http, line('a'))).status).toBe(429);
  });

  test('lines that are too long, or not UTF-8, count as well', async () => {
    for (const bad of [Buffer.alloc(300, 'x'), Buffer.from([0xff])]) {
      using http = await HttpFixture.start({
        RATE_LIMIT_PER_S: '0.001',
        RATE_BURST: '3',
        MAX_PACKET_BYTES: '256',
      });
      const body = Buffer.concat(Array.from({ length: 30 }, () => [bad, Buffer.from('\n')]).flat());
      const { answers } = await post(http, body);
      expect(new Set(answers.map(({ error }) => error?.code))).toEqual(new Set(['bad_packet']));
      expect((await post(http, line('a'))).status).toBe(429);
    }
  });
});

describe('a body that', () => {
  /** Writes these bytes. @returns all that comes back */
  async function raw(http: HttpFixture, head: string, ending: 'end' | 'none', type = NDJSON) {
    const { port } = new URL(http.url);
    const socket = connect(Number(port), '127.0.0.1');
    const token = await userToken('alice');
    socket.write(
      `POST /v1/messages HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\nContent-Type: ${type}\r\n${head}`,
    );
    if (ending === 'end') socket.end();
    return text(socket);
  }

  test('is shorter than it says, and ends: 400', async () => {
    using http = await HttpFixture.start();
    const said = await raw(http, 'Content-Length: 500\r\n\r\n{"id":', 'end', 'application/json');
    expect(said).toMatch(/^HTTP\/1.1 400 .*"code":"bad_packet"/s);
    expect(await raw(http, `Content-Length: 500\r\n\r\n${line('a')}\n`, 'end')).toMatch(/^HTTP\/1.1 400 /);
  });

  test('is longer than it says: the first part is the body, then the connection ends', async () => {
    using http = await HttpFixture.start();
    const body = line('a');
    const said = await raw(http, `Content-Length: ${body.length}\r\n\r\n${body}${body}`, 'none');
    expect(said).toMatch(/^HTTP\/1.1 200 .*"id":"a","at":/s);
  });

  test('has broken chunks: 400', async () => {
    using http = await HttpFixture.start();
    const said = await raw(http, 'Transfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n', 'none');
    expect(said).toMatch(/^HTTP\/1.1 400 .*"code":"bad_packet"/s);
  });

  test('does not go on after answers went out: a last line says so, and the connection ends', async () => {
    using http = await HttpFixture.start();
    const { bodyTimeoutMs } = HTTP_LIMITS;
    HTTP_LIMITS.bodyTimeoutMs = 1_000;
    try {
      const chunk = `${line('a')}\n`;
      const head = `Transfer-Encoding: chunked\r\n\r\n${chunk.length.toString(16)}\r\n${chunk}\r\n`;
      expect(await raw(http, head, 'none')).toMatch(
        /^HTTP\/1.1 200 .*"id":"a","at".*\{"error":\{"code":"bad_packet".*\r\n0\r\n\r\n$/s,
      );
      const slow = await raw(http, `Content-Length: 100\r\n\r\n${line('a')}`, 'none');
      expect(slow).toMatch(/^HTTP\/1.1 408 .*"code":"bad_packet"/s);
    } finally {
      HTTP_LIMITS.bodyTimeoutMs = bodyTimeoutMs;
    }
  });

  test('is cut off by its client leaves nothing behind', async () => {
    using http = await HttpFixture.start();
    const { client, answer } = await stream(http);
    client.write(`${line('a')}\n`);
    await answer;
    client.destroy();
    await http.api.drained();
    expect(http.logged).toEqual([]);
  });
});
