import { type CryptoKey, exportJWK, exportSPKI, generateKeyPair, SignJWT, UnsecuredJWT } from 'jose';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { connect, type Status } from '#libs/client/index.ts';
import { connectAs, connectRaw } from './harness/raw-client.ts';
import type { ServiceHandle } from '../tools/testkit/service-handle.ts';
import { type Stack, startStack } from './harness/stack.ts';
import { until } from './harness/wait.ts';

/** Who gets in, for how long, and who does not (PROTOCOL: login:R; G5). */

/** Of the gateways on which a test waits for it. */
const LOGIN_TIMEOUT_MS = 2_000;

type Algorithm = 'RS256' | 'ES256' | 'EdDSA';

const keys = await Promise.all(
  (['RS256', 'ES256', 'EdDSA'] as const).map(async (alg) => ({
    alg,
    ...(await generateKeyPair(alg, { extractable: true })),
  })),
);

function key(alg: Algorithm) {
  const found = keys.find((one) => one.alg === alg);
  if (!found) throw new Error(`no key for ${alg}`);
  return found;
}

/** A token as an identity provider issues it. */
function issue(alg: Algorithm, user: string, expires = 3_600, signer: CryptoKey = key(alg).privateKey) {
  const header = { alg, kid: alg };
  const exp = Math.floor(Date.now() / 1_000) + expires;
  return new SignJWT().setProtectedHeader(header).setSubject(user).setExpirationTime(exp).sign(signer);
}

/** The identity provider's key set; what it answers is the test's decision. */
const provider = {
  answer: (response: ServerResponse): void => void response.writeHead(500).end(),
  server: createServer((_, response) => provider.answer(response)),
};

let stack: Stack;
/** Trusts an HS256 secret. */
let plain: ServiceHandle;
/** Trusts a P-256 key. */
let pem: ServiceHandle;
/** Trusts a key set. */
let jwks: ServiceHandle;

beforeAll(async () => {
  provider.server.listen(0, '127.0.0.1');
  await once(provider.server, 'listening');
  const { port } = provider.server.address() as AddressInfo;
  const login = { AUTH_SECRET: undefined, LOGIN_TIMEOUT_MS: String(LOGIN_TIMEOUT_MS) };
  stack = await startStack({ gateways: 1, env: { QUEUE_SETTLE_MS: '0' } });
  [plain] = stack.gateways as [ServiceHandle];
  const spki = await exportSPKI(key('ES256').publicKey);
  [pem, jwks] = await Promise.all([
    stack.addGateway({ ...login, AUTH_PUBLIC_KEY: spki.replaceAll('\n', '\\n') }), // as an env file writes it
    stack.addGateway({
      ...login,
      AUTH_JWKS_URL: `http://127.0.0.1:${port}/jwks.json`,
      AUTH_JWKS_CACHE_MS: '500',
    }),
  ]);
});

afterAll(async () => {
  provider.server.close();
  provider.server.closeAllConnections();
  await stack.stop();
});

/** Sends a token, and returns how the gateway takes it: the user's name, or the error's code and the close code. */
async function tryToken(gateway: ServiceHandle, token: unknown): Promise<string> {
  await using client = await connectRaw(gateway.url);
  client.send(JSON.stringify({ type: 'login:R', token }));
  const answer = await Promise.race([client.next('login:A'), client.next('error')]);
  if (answer.type === 'login:A') return answer.user;
  expect(answer.re).toEqual({ type: 'login:R' });
  return `${answer.code} ${(await client.closed).code}`;
}

describe('the upgrade', () => {
  test.each([
    ['our subprotocol', 'sixfold.v1', 'sixfold.v1'],
    ['ours among others', ['mqtt', 'sixfold.v1'], 'sixfold.v1'],
    ['none', [], ''],
  ])('a client that offers %s gets in', async (_, protocol, selected) => {
    await using client = await connectRaw(plain.url, { protocol, token: await stack.token('ann') });
    expect(client.ws.protocol).toBe(selected);
    expect(client.ws.extensions).toBe('');
    await client.login();
  });

  test('a client that offers only others is refused with HTTP 400', async () => {
    await expect(connectRaw(plain.url, { protocol: 'mqtt' })).rejects.toThrow('400');
    await expect(connectRaw(plain.url, { protocol: ['mqtt', 'sixfold.v2'] })).rejects.toThrow('400');
  });

  test('there is nothing at other paths', async () => {
    await expect(connectRaw(plain.url.replace('/ws', '/'))).rejects.toThrow('404');
    await expect(connectRaw(`${plain.url}x`)).rejects.toThrow('404');
    await using client = await connectRaw(`${plain.url}?from=app`, { token: await stack.token('ann') });
    await client.login();
  });
});

describe('the first packet', () => {
  test('login:A says who one is, and what the gateway holds one to', async () => {
    await using client = await connectRaw(plain.url, { token: await stack.token('bob'), device: 'my.phone' });
    const before = Date.now();
    const { at, session, ...rest } = await client.login();
    const after = Date.now();
    expect(rest).toEqual({
      type: 'login:A',
      user: 'bob',
      device: 'my.phone',
      limits: {
        maxPacketBytes: 65_536,
        sendWindow: 128,
        receiveWindow: 128,
        ackTimeoutMs: 10_000,
        ratePerS: 100,
        maxReceivers: 100,
      },
    });
    expect(session).not.toBe('');
    expect(at).toBeGreaterThanOrEqual(before);
    expect(at).toBeLessThanOrEqual(after);
    await using other = await connectAs(stack, plain, 'bob');
    expect(other.all('login:A')).toMatchObject([{ device: 'default' }]);
  });

  test.each([
    ['msg:R', '{"type":"msg:R","id":"m1","to":"bob","body":1}', { type: 'msg:R', id: 'm1' }],
    ['ping', '{"type":"ping"}', { type: 'ping' }],
    ['an unknown type', '{"type":"hello"}', { type: 'hello' }],
    ['no JSON', 'hello', undefined],
  ])('%s is not_logged_in, and closes with 4401', async (_, frame, re) => {
    await using client = await connectRaw(plain.url);
    client.send(frame);
    const error = await client.next('error');
    expect(error).toMatchObject({ code: 'not_logged_in' });
    expect(error.re).toEqual(re);
    expect((await client.closed).code).toBe(4401);
  });

  test('nothing in time closes with 4408', async () => {
    await using client = await connectRaw(pem.url);
    const openedAt = Date.now();
    expect((await client.closed).code).toBe(4408);
    expect(Date.now() - openedAt).toBeGreaterThanOrEqual(LOGIN_TIMEOUT_MS - 50);
    expect(client.packets).toEqual([]);
  });

  test('an unreadable device is bad_packet; the connection stays for a better login', async () => {
    await using client = await connectRaw(plain.url, { token: await stack.token('cy') });
    const token = await stack.token('cy');
    for (const device of ['', 'a b', 'x'.repeat(65), 7]) {
      client.send(JSON.stringify({ type: 'login:R', token, device }));
      const error = await client.next('error');
      expect(error).toMatchObject({ code: 'bad_packet', re: { type: 'login:R' } });
      expect(error.message).toContain('device');
    }
    await client.login();
  });

  test('the login timeout runs on after an unreadable device', async () => {
    await using client = await connectRaw(pem.url);
    client.send(JSON.stringify({ type: 'login:R', token: await issue('ES256', 'di'), device: '' }));
    await client.next('error', { code: 'bad_packet' });
    expect((await client.closed).code).toBe(4408);
  });

  test('five unreadable devices close with 4400', async () => {
    await using client = await connectRaw(plain.url);
    for (let n = 0; n < 5; n++) client.send('{"type":"login:R","token":"x","device":""}');
    expect((await client.closed).code).toBe(4400);
    expect(client.all('error')).toHaveLength(5);
  });
});

describe('tokens', () => {
  const soon = () => Math.floor(Date.now() / 1_000) + 3_600;
  const secret = () => new TextEncoder().encode(stack.secret);
  const signed = (payload: Record<string, unknown>) =>
    new SignJWT(payload).setProtectedHeader({ alg: 'HS256' }).sign(secret());

  test.each<[string, () => unknown]>([
    ['missing', () => undefined],
    ['no string', () => 42],
    ['empty', () => ''],
    ['malformed', () => 'a.b.c'],
    ['cut', async () => (await stack.token('eve')).slice(0, -5)],
    ['expired', () => stack.token('eve', { expires: -1 })],
    ['without exp', () => signed({ sub: 'eve' })],
    ['with an exp that is no number', () => signed({ sub: 'eve', exp: String(soon()) })],
    ['not valid yet', () => signed({ sub: 'eve', exp: soon(), nbf: soon() - 60 })],
    [
      'signed with another secret',
      () => stack.token('eve', { secret: 'another secret, also long enough for HS256' }),
    ],
    ['unsigned', () => new UnsecuredJWT({ sub: 'eve', exp: soon() }).encode()],
    ['signed with a key of another kind', () => issue('RS256', 'eve')],
    ['without sub', () => signed({ exp: soon() })],
    ['with an empty sub', () => signed({ sub: '', exp: soon() })],
    ['with a sub that is no user id', () => signed({ sub: 'eve adams', exp: soon() })],
    ['with a sub that is too long', () => signed({ sub: 'e'.repeat(129), exp: soon() })],
    ['with a sub that is no string', () => signed({ sub: 5, exp: soon() })],
  ])('%s: unauthorized, and closed with 4401', async (_, token) => {
    expect(await tryToken(plain, await token())).toBe('unauthorized 4401');
  });

  test('a good one with the longest user id gets in', async () => {
    const user = 'aZ0._:@-'.repeat(16);
    expect(await tryToken(plain, await stack.token(user))).toBe(user);
  });

  test('a public key takes only what its private key signed, whatever the token says', async () => {
    expect(await tryToken(pem, await issue('ES256', 'flo'))).toBe('flo');
    const { privateKey } = await generateKeyPair('ES256');
    expect(await tryToken(pem, await issue('ES256', 'flo', 60, privateKey))).toBe('unauthorized 4401');
    expect(await tryToken(pem, await issue('RS256', 'flo'))).toBe('unauthorized 4401');
    const text = new TextEncoder().encode(await exportSPKI(key('ES256').publicKey));
    const confused = new SignJWT({ sub: 'flo', exp: soon() }).setProtectedHeader({ alg: 'HS256' });
    expect(await tryToken(pem, await confused.sign(text))).toBe('unauthorized 4401');
    expect(await tryToken(pem, await stack.token('flo'))).toBe('unauthorized 4401');
  });
});

describe('a key set', () => {
  /** What the provider should say. */
  const publish = async () => {
    const set = await Promise.all(
      keys.map(async ({ alg, publicKey }) => ({
        ...(await exportJWK(publicKey)),
        alg,
        kid: alg,
        use: 'sig',
      })),
    );
    return JSON.stringify({ keys: set });
  };

  test.each<[string, (response: ServerResponse) => void]>([
    ['cannot be had', (response) => response.writeHead(503).end()],
    ['is cut off', (response) => response.destroy()],
    ['is no JSON', (response) => response.end('<html>sorry</html>')],
    ['is no key set', (response) => response.end('{"error":"sorry"}')],
  ])('that %s is unavailable, not unauthorized, and the connection stays', async (_, answer) => {
    provider.answer = answer;
    await using client = await connectRaw(jwks.url);
    for (const round of [1, 2]) {
      client.send({ type: 'login:R', token: await issue('RS256', 'gil') });
      const error = await client.next('error');
      expect(error, `round ${round}`).toMatchObject({ code: 'unavailable', re: { type: 'login:R' } });
    }
  });

  test('that is slow is not too late: the login:R came in time', async () => {
    const text = await publish();
    provider.answer = (response) => void setTimeout(() => response.end(text), LOGIN_TIMEOUT_MS + 300);
    await using client = await connectRaw(jwks.url, { token: await issue('RS256', 'gil') });
    await client.login();
  });

  test.each(['RS256', 'ES256', 'EdDSA'] as const)('%s tokens get in, and others do not', async (alg) => {
    const text = await publish();
    provider.answer = (response) => void response.end(text);
    expect(await tryToken(jwks, await issue(alg, 'hao'))).toBe('hao');
    const { privateKey } = await generateKeyPair(alg);
    expect(await tryToken(jwks, await issue(alg, 'hao', 60, privateKey))).toBe('unauthorized 4401');
    expect(await tryToken(jwks, await issue(alg, 'hao', -1))).toBe('unauthorized 4401');
    expect(await tryToken(jwks, await stack.token('hao'))).toBe('unauthorized 4401');
  });
});

describe('the key server', () => {
  test('may be away: who has a known key gets in, and nobody can tell about a new one before it is back', async () => {
    const next = await generateKeyPair('ES256', { extractable: true });
    const old = { ...(await exportJWK(key('ES256').publicKey)), kid: 'ES256' };
    provider.answer = (response) => void response.end(JSON.stringify({ keys: [old] }));
    expect(await tryToken(jwks, await issue('ES256', 'ivy'))).toBe('ivy');
    provider.answer = (response) => void response.writeHead(503).end();
    const failed = async () =>
      (await stack.metrics(jwks)).value('sixfold_key_fetches_total', { outcome: 'failed' });
    const before = await failed();
    await until(async () => (await failed()) > before + 2, { what: 'an outage that outlives the cache' });
    expect(await tryToken(jwks, await issue('ES256', 'ivy'))).toBe('ivy');
    const exp = Math.floor(Date.now() / 1_000) + 3_600;
    const header = { alg: 'ES256', kid: 'next' };
    const token = await new SignJWT({ sub: 'jim', exp }).setProtectedHeader(header).sign(next.privateKey);
    await using client = await connectRaw(jwks.url, { token });
    client.send({ type: 'login:R', token });
    expect(await client.next('error')).toMatchObject({ code: 'unavailable', re: { type: 'login:R' } });
    const set = JSON.stringify({ keys: [{ ...(await exportJWK(next.publicKey)), kid: 'next' }] });
    provider.answer = (response) => void response.end(set);
    await client.login();
    expect(await tryToken(jwks, await issue('ES256', 'ivy'))).toBe('unauthorized 4401'); // withdrawn
  });
});

describe('a session', () => {
  test('ends when its token expires, unless it was renewed in time', async () => {
    await using ending = await connectRaw(plain.url, { token: await stack.token('ian', { expires: 2 }) });
    await using renewed = await connectRaw(plain.url, { token: await stack.token('joy', { expires: 2 }) });
    const expiry = Date.now() + 2_000;
    await ending.login();
    const { session } = await renewed.login();
    renewed.send({ type: 'login:R', token: await stack.token('joy') });
    expect((await renewed.next('login:A')).session).toBe(session);
    await ending.next('error', { code: 'unauthorized' });
    expect((await ending.closed).code).toBe(4401);
    await until(() => Date.now() > expiry + 500, { what: "the expiry of the other's first token" });
    renewed.send({ type: 'ping' });
    await renewed.next('pong');
    expect(await stack.sql("SELECT session FROM sessions WHERE user_id IN ('ian', 'joy')")).toEqual([
      { session },
    ]);
  });

  test.each([
    ['another user', 'lea', 'default'],
    ['another device', 'kim', 'tablet'],
  ])('is not renewed by %s: bad_packet, and it goes on', async (_, user, device) => {
    await using client = await connectAs(stack, plain, 'kim');
    client.send({ type: 'login:R', token: await stack.token(user), device });
    expect(await client.next('error')).toMatchObject({ code: 'bad_packet', re: { type: 'login:R' } });
    client.msg('kim', 'to-myself');
    expect(await client.next('msg:N')).toMatchObject({ from: 'kim' });
  });

  test.each<[string, () => Promise<string> | number]>([
    ['an expired token', () => stack.token('max', { expires: -1 })],
    ['no token', () => 0],
  ])('ends with a login:R that has %s', async (_, token) => {
    await using client = await connectAs(stack, plain, 'max');
    client.send(JSON.stringify({ type: 'login:R', token: await token() }));
    expect(await client.next('error')).toMatchObject({ code: 'unauthorized', re: { type: 'login:R' } });
    expect((await client.closed).code).toBe(4401);
  });

  test('that cannot be registered is unavailable; with the next login:R its token counts', async () => {
    const [routing] = stack.routing;
    const short = 10; // longer than the login is held, whatever the machine does meanwhile
    await using client = await connectRaw(pem.url);
    const startedAt = Date.now();
    routing?.signal('SIGSTOP');
    client.send({ type: 'login:R', token: await issue('ES256', 'ned', short) });
    const error = await client.next('error');
    routing?.signal('SIGCONT');
    expect(error).toMatchObject({ code: 'unavailable', re: { type: 'login:R' } });
    client.send({ type: 'login:R', token: await issue('ES256', 'ned') });
    await client.next('login:A');
    await until(() => Date.now() > startedAt + short * 1_000 + 500, { what: "the first token's expiry" });
    client.send({ type: 'ping' });
    await client.next('pong');
    expect(client.all('login:A')).toHaveLength(1);
  });
});

describe('the client library', () => {
  const quick = { tuning: { reconnect: { baseMs: 50, maxMs: 200 } } };

  test('comes back with a fresh token after its session expired while the token endpoint was down', async () => {
    let down = false;
    let expires = 4;
    const token = () => {
      if (down) throw new Error('503');
      return stack.token('erin', { expires });
    };
    const client = connect({ url: plain.url, token, ...quick });
    onTestFinished(() => client.close());
    const statuses: Status[] = [];
    client.onStatus((status) => statuses.push(status));
    client.onError(() => undefined); // the outage, many times
    await client.connected();
    down = true;
    expires = 3_600;
    const reasons = () => statuses.flatMap((status) => (status.state === 'waiting' ? [status.reason] : []));
    await until(() => reasons().filter((reason) => reason === 'no_token').length >= 3, {
      what: 'three tries to get a token',
    });
    expect(statuses.find(({ state }) => state === 'waiting')).toMatchObject({ code: 4401 });
    down = false;
    await client.connected();
  });

  test('gives up when three tokens in a row that it fetched for their login were refused', async () => {
    let fetched = 0;
    const token = () => {
      fetched++;
      return stack.token('erin', { secret: 'somebody-else-signs-with-this-one' });
    };
    const client = connect({ url: plain.url, token, ...quick });
    onTestFinished(() => client.close());
    client.onError(() => undefined);
    await expect(client.connected()).rejects.toMatchObject({ code: 'closed' });
    expect(client.status).toMatchObject({ state: 'closed', code: 4401 });
    expect(fetched).toBe(3);
  });
});

describe.concurrent('settings', () => {
  test('without any of the AUTH_ settings a gateway does not start', async () => {
    const { code, output } = await runGateway({});
    expect(code).toBe(1);
    expect(output).toContain('set exactly one of AUTH_SECRET, AUTH_JWKS_URL and AUTH_PUBLIC_KEY');
  });

  test('nor with two of them', async () => {
    const { code, output } = await runGateway({
      AUTH_SECRET: 'hush-hush',
      AUTH_JWKS_URL: 'http://127.0.0.1/jwks.json',
    });
    expect(code).toBe(1);
    expect(output).toContain('set exactly one of AUTH_SECRET, AUTH_JWKS_URL and AUTH_PUBLIC_KEY');
  });

  test('all that cannot be used are named, and no secret is shown', async () => {
    const wrong = {
      PORT: 'abc',
      RECEIVE_WINDOW: '0',
      ACK_TIMEOUT_MS: '1.5',
      GATEWAY_PREFETCH: '1000000',
      AMQP_URL: 'http://127.0.0.1',
      QUEUE_TYPE: 'mirrored',
      GATEWAY_ID: 'a b',
      AUTH_JWKS_URL: 'nowhere',
    };
    const { code, output } = await runGateway({ AUTH_SECRET: 'hush-hush', ...wrong });
    expect(code).toBe(1);
    for (const name of Object.keys(wrong)) expect(output).toMatch(new RegExp(`${name} (must|Invalid)`));
    expect(output).not.toContain('hush-hush');
  });

  test.each([
    ['no key at all', () => 'secret'],
    [
      'a key of a kind that signs no tokens here',
      async () => exportSPKI((await generateKeyPair('ES384', { extractable: true })).publicKey),
    ],
  ])('AUTH_PUBLIC_KEY with %s is refused', async (_, publicKey) => {
    const { code, output } = await runGateway({ AUTH_PUBLIC_KEY: await publicKey() });
    expect(code).toBe(1);
    expect(output).toContain('AUTH_PUBLIC_KEY must');
  });
});

/** Runs a gateway that is expected to end at once. */
function runGateway(env: NodeJS.ProcessEnv): Promise<{ code: number | null; output: string }> {
  const main = join(import.meta.dirname, '../services/gateway/main.ts');
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      [main],
      { env: { PATH: process.env['PATH'], PORT: '0', ...env }, timeout: 120_000 },
      (_, stdout, stderr) => resolve({ code: child.exitCode, output: stdout + stderr }),
    );
  });
}
