import { describe, expect, test } from 'vitest';
import { HttpFixture, serviceToken, sign, userToken } from './testing/http-fixture.ts';

const hello = { id: 'm1', to: 'bob', body: { text: 'hello' } };

describe('POST /v1/messages', () => {
  test('publishes an entry for the receiver, and one for the synced devices of the sender', async () => {
    using http = await HttpFixture.start();
    const body = '{"id":"m1","to":"bob","body":{"n":-0, "big":1e2},"seq":3,"thread":"t","read":true,"ttl":5}';
    const { status, json } = await http.request('POST', '/v1/messages', { body });
    const { at } = json as { at: number };
    expect([status, json]).toEqual([202, { id: 'm1', at: expect.any(Number) as number }]);
    const common = { id: 'm1', body: '{"n":-0, "big":1e2}', at, seq: 3, thread: 't', expires: at + 5_000 };
    expect(
      http.routed.map(({ user, entry }) => [user, JSON.parse(JSON.stringify(entry)) as unknown]),
    ).toEqual([
      ['bob', { kind: 'message', from: 'alice', to: 'bob', origin: '', read: true, ...common }],
      ['alice', { kind: 'sent', user: 'alice', to: 'bob', ...common }],
    ]);
  });

  test('is answered after the last confirm, and 503 if one is missing', async () => {
    using http = await HttpFixture.start();
    http.confirms = false;
    let answer: { status: number; json: unknown } | undefined;
    const asked = http.request('POST', '/v1/messages', { body: { ...hello, to: ['bob', 'carol'] } });
    void asked.then((response) => (answer = response));
    await expect.poll(() => http.routed.length).toBe(3);
    http.routed[0]?.pending?.settled();
    http.routed[2]?.pending?.settled();
    await new Promise((resolve) => setImmediate(resolve));
    expect(answer).toBeUndefined();
    http.routed[1]?.pending?.settled(new Error('not confirmed'));
    const { status, json, headers } = await asked;
    const re = { type: 'msg:R', id: 'm1' };
    expect([status, json]).toEqual([503, { code: 'unavailable', message: expect.any(String) as string, re }]);
    expect(headers.get('retry-after')).toBe('1');
  });

  test('no copy for the sender who is among the receivers', async () => {
    using http = await HttpFixture.start();
    await http.request('POST', '/v1/messages', { body: { ...hello, to: ['bob', 'alice'] } });
    expect(http.routed.map(({ entry }) => entry.kind)).toEqual(['message', 'message']);
  });

  test.each<[string, unknown, string]>([
    ['no JSON', '{"id":', 'JSON'],
    ['no object', '[]', 'object'],
    ['no body', { id: 'm', to: 'bob' }, 'body'],
    ['a bad id', { ...hello, id: 'a b' }, 'id'],
    ['a bad receiver', { ...hello, to: 'a b' }, 'to'],
    ['a number beyond a double', '{"id":"m","to":"bob","body":1e400}', 'body'],
    ['too many receivers', { ...hello, to: Array.from({ length: 101 }, (_, n) => `u${n}`) }, 'to'],
    ['a bad from', { ...hello, from: 'a b' }, 'from'],
    ['a bad seq', { ...hello, seq: -1 }, 'seq'],
  ])('%s is 400', async (_what, body, names) => {
    using http = await HttpFixture.start();
    const { status, json } = await http.request('POST', '/v1/messages', { body });
    expect(status).toBe(400);
    expect(json).toMatchObject({
      code: 'bad_packet',
      message: expect.stringContaining(names) as string,
    });
    expect(http.routed).toEqual([]);
  });

  test('what is wrong names the message, as far as it can', async () => {
    using http = await HttpFixture.start();
    const { json } = await http.request('POST', '/v1/messages', { body: { ...hello, to: '' } });
    expect(json).toMatchObject({ re: { type: 'msg:R', id: 'm1' } });
  });

  test.each([
    ['text/plain', {}],
    ['', {}],
    ['application/json; charset=latin1', {}],
    ['application/json', { 'content-encoding': 'gzip' }],
  ])('Content-Type "%s" %j is 415', async (type, headers) => {
    using http = await HttpFixture.start();
    const { status, json } = await http.request('POST', '/v1/messages', { body: hello, type, headers });
    expect([status, json]).toMatchObject([415, { code: 'bad_packet' }]);
  });

  test('a body above MAX_PACKET_BYTES is 413, and what is not UTF-8 is 400', async () => {
    using http = await HttpFixture.start({ MAX_PACKET_BYTES: '256' });
    const large = await http.request('POST', '/v1/messages', { body: { ...hello, body: 'x'.repeat(300) } });
    expect([large.status, large.json]).toMatchObject([413, { code: 'bad_packet' }]);
    const response = await fetch(`${http.url}/v1/messages`, {
      method: 'POST',
      headers: { authorization: `Bearer ${await userToken('alice')}`, 'content-type': 'application/json' },
      body: Buffer.from('{"id":"m","to":"bob","body":"\xff"}', 'latin1'),
    });
    expect(response.status).toBe(400);
  });
});

describe('whose token it is', () => {
  test.each<[string, () => Promise<string>]>([
    ['none', () => Promise.resolve('')],
    ['garbage', () => Promise.resolve('a.b.c')],
    ['expired', () => sign({ sub: 'alice', exp: 1 }).then((token) => `${token}x`)],
    ['no scopes', () => sign({ sub: 'shop', sixfold: { as: ['alice'] } })],
    ['no as', () => sign({ sub: 'shop', sixfold: { scopes: ['send'] } })],
    ['an unknown scope', () => serviceToken(['alice'], ['fly'])],
    ['a star among others', () => serviceToken(['*', 'alice'], ['send'])],
    ['no object', () => sign({ sub: 'shop', sixfold: true })],
    ['one more field', () => sign({ sub: 'shop', sixfold: { as: ['a'], scopes: [], until: 1 } })],
  ])('%s: 401', async (_what, token) => {
    using http = await HttpFixture.start();
    const answer = await http.request('POST', '/v1/messages', { token: await token(), body: hello });
    expect([answer.status, answer.json]).toMatchObject([401, { code: 'unauthorized' }]);
    expect(answer.headers.get('www-authenticate')).toBe('Bearer');
  });

  test.each<[string, string | undefined, number, string]>([
    ['as itself', 'alice', 202, ''],
    ['as nobody', undefined, 202, ''],
    ['as somebody else', 'carol', 403, 'alice'],
  ])('a user %s', async (_what, from, status, names) => {
    using http = await HttpFixture.start();
    const answer = await http.request('POST', '/v1/messages', { body: { ...hello, from } });
    expect(answer.status).toBe(status);
    if (status === 403)
      expect(answer.json).toMatchObject({
        code: 'forbidden',
        message: expect.stringContaining(names) as string,
      });
  });

  test.each<[string, string[], string[], string | undefined, number, string]>([
    ['one of its users', ['alice', 'carol'], ['send'], 'carol', 202, ''],
    ['anybody', ['*'], ['send', 'admin'], 'zoe', 202, ''],
    ['nobody', ['*'], ['send'], undefined, 400, 'from'],
    ['a user that is missing', ['alice'], ['send'], 'carol', 403, 'carol'],
    ['a user without the scope', ['alice'], ['mailbox', 'presence', 'admin'], 'alice', 403, 'scope send'],
  ])('a service token as %s', async (_what, as, scopes, from, status, names) => {
    using http = await HttpFixture.start();
    const token = await serviceToken(as, scopes);
    const answer = await http.request('POST', '/v1/messages', { token, body: { ...hello, from } });
    expect(answer.status).toBe(status);
    if (status !== 202)
      expect(answer.json).toMatchObject({ message: expect.stringContaining(names) as string });
    else expect(http.routed[0]?.entry).toMatchObject({ from });
  });

  test('can_send holds, and names those of a list who are refused', async () => {
    using http = await HttpFixture.start();
    const token = await userToken('alice', { can_send: ['bob'] });
    const ask = (to: unknown) => http.request('POST', '/v1/messages', { token, body: { ...hello, to } });
    expect((await ask('bob')).status).toBe(202);
    const one = await ask('carol');
    expect([one.status, one.json]).toMatchObject([403, { code: 'forbidden', re: { id: 'm1' } }]);
    const list = await ask(['bob', 'carol']);
    expect([list.status, list.json]).toMatchObject([403, { re: { type: 'msg:R', id: 'm1', to: ['carol'] } }]);
    expect(http.routed).toHaveLength(2);
  });
});
