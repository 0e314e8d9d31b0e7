import { describe, expect, test } from 'vitest';
import { HttpFixture, serviceToken, userToken } from './testing/http-fixture.ts';

const message = (id: string, to: string | string[] = 'bob') => ({ id, to, body: 1 });
const many = Array.from({ length: 30 }, (_, n) => `u${n}`);

describe('paths and methods', () => {
  test('404 and 405 need no token; 405 says which methods may be used', async () => {
    using http = await HttpFixture.start();
    const nothing = await http.request('GET', '/v1/nothing', { token: '' });
    expect([nothing.status, nothing.json]).toMatchObject([404, { code: 'bad_packet' }]);
    const got = await http.request('GET', '/v1/messages', { token: '' });
    expect([got.status, got.json]).toMatchObject([405, { code: 'bad_packet' }]);
    expect(got.headers.get('allow')).toBe('POST, OPTIONS');
    expect((await http.request('GET', '/v1/%E0%A4%A', { token: '' })).status).toBe(404);
    expect((await http.request('OPTIONS', '/v1/messages', { token: '' })).status).toBe(204);
  });
});

test('users and devices named . and .. are reached with %252E, which no client normalizes away', async () => {
  using http = await HttpFixture.start();
  const token = await serviceToken(['*'], ['admin']);
  const path = '/v1/users/%252E%252E/devices/%252E';
  http.request('DELETE', path, { token }).catch(() => undefined); // nobody answers it
  await expect.poll(() => http.routed.length).toBe(1);
  expect(http.routed[0]).toMatchObject({ user: '..', entry: { kind: 'logout', user: '..', device: '.' } });
  // What a client makes of `..` or `%2E%2E` there: `/v1/users/bob/`, which erases nobody.
  for (const device of ['..', '%2E%2E'])
    expect((await http.request('DELETE', `/v1/users/bob/devices/${device}`, { token })).status).toBe(404);
});

describe('the rate of a token subject', () => {
  const limits = { RATE_LIMIT_PER_S: '0.001', RATE_BURST: '4' };

  test('is one bucket for all its requests; above it 429 with Retry-After', async () => {
    using http = await HttpFixture.start(limits);
    for (const id of ['a', 'b', 'c', 'd'])
      expect((await http.request('POST', '/v1/messages', { body: message(id) })).status).toBe(202);
    const limited = await http.request('POST', '/v1/messages', { body: message('e') });
    expect([limited.status, limited.json]).toMatchObject([429, { code: 'rate_limited' }]);
    expect(Number(limited.headers.get('retry-after'))).toBeGreaterThan(0);
    const token = await userToken('bob');
    expect((await http.request('POST', '/v1/messages', { token, body: message('a') })).status).toBe(202);
  });

  test('ten receivers are one packet', async () => {
    using http = await HttpFixture.start(limits);
    expect((await http.request('POST', '/v1/messages', { body: message('a', many) })).status).toBe(202);
    expect((await http.request('POST', '/v1/messages', { body: message('b', many) })).status).toBe(429);
  });

  test('service tokens have a limit of their own', async () => {
    using http = await HttpFixture.start({
      ...limits,
      SERVICE_RATE_LIMIT_PER_S: '0.001',
      SERVICE_RATE_BURST: '1',
    });
    const token = await serviceToken(['alice'], ['send']);
    const ask = () =>
      http.request('POST', '/v1/messages', { token, body: { ...message('a'), from: 'alice' } });
    expect([(await ask()).status, (await ask()).status]).toEqual([202, 429]);
  });
});

describe('CORS', () => {
  const origin = 'https://app.example.com';

  test('without ALLOWED_ORIGINS there are no headers', async () => {
    using http = await HttpFixture.start();
    const { headers } = await http.request('OPTIONS', '/v1/messages', { token: '', headers: { origin } });
    expect([...headers.keys()].filter((name) => name.startsWith('access-control'))).toEqual([]);
  });

  test('with it, a page of such an origin may ask and read, another one may not', async () => {
    using http = await HttpFixture.start({ ALLOWED_ORIGINS: origin });
    const preflight = await http.request('OPTIONS', '/v1/messages', { token: '', headers: { origin } });
    expect(preflight.status).toBe(204);
    expect(Object.fromEntries(preflight.headers)).toMatchObject({
      'access-control-allow-origin': origin,
      'access-control-allow-methods': 'GET, POST, DELETE',
      'access-control-allow-headers': 'Authorization, Content-Type',
    });
    const refused = await http.request('POST', '/v1/messages', { token: '', headers: { origin } });
    expect([refused.status, refused.headers.get('access-control-allow-origin')]).toEqual([401, origin]);
    const headers = { origin: 'https://evil.example.com' };
    const other = await http.request('OPTIONS', '/v1/messages', { token: '', headers });
    expect(other.headers.get('access-control-allow-origin')).toBeNull();
    expect(other.headers.get('vary')).toContain('Origin');
  });
});

describe('how many at a time', () => {
  test('a request above MAX_HTTP_REQUESTS is 503', async () => {
    using http = await HttpFixture.start({ MAX_HTTP_REQUESTS: '1' });
    http.confirms = false;
    const first = http.request('POST', '/v1/messages', { body: message('a') });
    await expect.poll(() => http.routed.length).toBe(2);
    const second = await http.request('POST', '/v1/messages', { body: message('b') });
    expect([second.status, second.json]).toMatchObject([503, { code: 'unavailable' }]);
    expect(second.headers.get('retry-after')).toBe('1');
    for (const { pending } of http.routed) pending?.settled();
    expect((await first).status).toBe(202);
    http.confirms = true;
    const again = async () => (await http.request('POST', '/v1/messages', { body: message('c') })).status;
    await expect.poll(again).toBe(202); // a place is free again
  });

  test('a gateway that drains answers what is under way, and refuses the rest', async () => {
    using http = await HttpFixture.start();
    http.confirms = false;
    const first = http.request('POST', '/v1/messages', { body: message('a') });
    await expect.poll(() => http.routed.length).toBe(2);
    let drained = false;
    const draining = http.api.drained().then(() => (drained = true));
    const second = await http.request('POST', '/v1/messages', { body: message('b') });
    expect([second.status, second.json, second.headers.get('connection')]).toMatchObject([
      503,
      { code: 'unavailable' },
      'close',
    ]);
    expect(drained).toBe(false);
    for (const { pending } of http.routed) pending?.settled();
    expect((await first).status).toBe(202);
    await draining;
  });
});

test('an error that nobody expected is 503, and logged', async () => {
  const broken = () => {
    throw new TypeError('a bug');
  };
  const publishers = { route: broken, ack: broken };
  using http = await HttpFixture.start({}, { publishers });
  const { status, json } = await http.request('POST', '/v1/messages', { body: message('a') });
  expect([status, json]).toMatchObject([503, { code: 'unavailable' }]);
  expect(http.logged.join()).toContain('a bug');
});
