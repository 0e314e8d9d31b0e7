import { SignJWT, UnsecuredJWT, type JWTPayload } from 'jose';
import { generateKeyPairSync, type KeyObject, sign as signWith } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createVerifier, type Verify } from './auth.ts';
import { readGatewayConfig } from './config.ts';

const secret = 'a secret of the test, long enough for HS256';
const other = 'another secret, also long enough for HS256';
const bytes = (text: string) => new TextEncoder().encode(text);
const now = Math.floor(Date.now() / 1_000);
const inAnHour = now + 3_600;
const log = pino({ level: 'silent' });

const sign = (payload: JWTPayload, alg: string, key: Uint8Array | KeyObject) =>
  new SignJWT(payload).setProtectedHeader({ alg }).sign(key);
const verifier = (env: Record<string, string>) => createVerifier(readGatewayConfig(env), log).verify;

describe('a shared secret', () => {
  const verify = verifier({ AUTH_SECRET: ` ${secret}\n` }); // trimmed

  test('accepts HS256 and reads sub and exp', async () => {
    const token = await sign({ sub: 'alice', exp: inAnHour }, 'HS256', bytes(secret));
    expect(await verify(token)).toEqual({
      user: 'alice',
      expiresAt: inAnHour * 1_000,
      canSend: undefined,
    });
  });

  test.each<[string, () => Promise<string> | string]>([
    ['no exp', () => sign({ sub: 'alice' }, 'HS256', bytes(secret))],
    ['no sub', () => sign({ exp: inAnHour }, 'HS256', bytes(secret))],
    ['a sub that is no user id', () => sign({ sub: 'a b', exp: inAnHour }, 'HS256', bytes(secret))],
    ['an expired token', () => sign({ sub: 'alice', exp: 1 }, 'HS256', bytes(secret))],
    ['one that expired just now', () => sign({ sub: 'alice', exp: now - 1 }, 'HS256', bytes(secret))],
    [
      'one that begins later',
      () => sign({ sub: 'alice', exp: inAnHour, nbf: now + 60 }, 'HS256', bytes(secret)),
    ],
    ['another secret', () => sign({ sub: 'alice', exp: inAnHour }, 'HS256', bytes(other))],
    ['another algorithm', () => sign({ sub: 'alice', exp: inAnHour }, 'HS512', bytes(secret))],
    ['alg none', () => new UnsecuredJWT({ sub: 'alice', exp: inAnHour }).encode()],
    ['garbage', () => 'a.b.c'],
    ['nothing', () => ''],
  ])('refuses %s', async (_what, token) => {
    await expect(verify(await token())).rejects.toMatchObject({ code: 'unauthorized' });
  });
});

describe('claims that the operator asks for', () => {
  const verify = verifier({ AUTH_SECRET: secret, AUTH_ISSUER: 'https://issuer', AUTH_AUDIENCE: 'sixfold' });
  const good = { sub: 'alice', exp: inAnHour, iss: 'https://issuer', aud: ['shop', 'sixfold'] };

  test('iss is the issuer, and aud names us', async () => {
    expect(await verify(await sign(good, 'HS256', bytes(secret)))).toMatchObject({ user: 'alice' });
  });

  test.each<[string, Record<string, unknown>]>([
    ['another issuer', { iss: 'https://issuer.example' }],
    ['no issuer', { iss: undefined }],
    ['another audience', { aud: 'shop' }],
    ['no audience', { aud: undefined }],
  ])('refuses %s', async (_what, claims) => {
    const token = await sign({ ...good, ...claims }, 'HS256', bytes(secret));
    await expect(verify(token)).rejects.toMatchObject({ code: 'unauthorized' });
  });
});

test("the issuer's clock may be ahead by the tolerance", async () => {
  const early = await sign({ sub: 'alice', exp: inAnHour, nbf: now + 4 }, 'HS256', bytes(secret));
  const patient = verifier({ AUTH_SECRET: secret });
  expect(await patient(early)).toMatchObject({ user: 'alice' });
  const expired = await sign({ sub: 'alice', exp: now - 1 }, 'HS256', bytes(secret));
  await expect(patient(expired)).rejects.toThrow('the token has expired'); // as its session would have
});

test('can_send comes along; one that cannot be read makes the token worthless', async () => {
  const verify = verifier({ AUTH_SECRET: secret });
  const withClaim = (can_send: unknown) =>
    sign({ sub: 'alice', exp: inAnHour, can_send }, 'HS256', bytes(secret));
  const { canSend } = await verify(await withClaim(['bob']));
  expect([canSend?.('bob'), canSend?.('eve')]).toEqual([true, false]);
  await expect(verify(await withClaim('bob'))).rejects.toMatchObject({ code: 'unauthorized' });
});

describe('a public key', () => {
  const pem = (key: KeyObject) => key.export({ type: 'spki', format: 'pem' }).toString();
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const ed = generateKeyPairSync('ed25519');

  test.each([
    ['RS256', rsa],
    ['ES256', ec],
    ['EdDSA', ed],
  ])(
    'accepts %s with a key of that kind, also with \\n for line ends',
    async (alg, { publicKey, privateKey }) => {
      const verify = verifier({ AUTH_PUBLIC_KEY: pem(publicKey).replaceAll('\n', '\\n') });
      const token = await sign({ sub: 'alice', exp: inAnHour }, alg, privateKey);
      expect(await verify(token)).toMatchObject({ user: 'alice' });
    },
  );

  test('does not take the public key for an HS256 secret', async () => {
    const verify = verifier({ AUTH_PUBLIC_KEY: pem(rsa.publicKey) });
    const token = await sign({ sub: 'alice', exp: inAnHour }, 'HS256', bytes(pem(rsa.publicKey)));
    await expect(verify(token)).rejects.toMatchObject({ code: 'unauthorized' });
  });

  test('an unusable key is a setting that is off', () => {
    expect(() => verifier({ AUTH_PUBLIC_KEY: 'nope' })).toThrow(/AUTH_PUBLIC_KEY must be/);
  });
});

describe('a key set', () => {
  const one = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const two = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const weak = generateKeyPairSync('rsa', { modulusLength: 1024 });
  const stranger = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const shared = 'a shared secret that stands in the set by mistake';
  const keys = [
    { ...one.publicKey.export({ format: 'jwk' }), kid: 'one' },
    { ...two.publicKey.export({ format: 'jwk' }), kid: 'two' },
    { ...rsa.publicKey.export({ format: 'jwk' }), kid: 'rsa' },
    { ...weak.publicKey.export({ format: 'jwk' }), kid: 'weak' },
    { kty: 'oct', k: Buffer.from(shared).toString('base64url'), kid: 'shared' },
  ];
  const server = createServer((_, response) => void response.end(JSON.stringify({ keys })));
  let verify: Verify;
  let stop: () => void;

  beforeAll(async () => {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const AUTH_JWKS_URL = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    const config = readGatewayConfig({ AUTH_JWKS_URL, AUTH_JWKS_CACHE_MS: '250' });
    ({ verify, stop } = createVerifier(config, log));
  });

  afterAll(() => {
    stop();
    server.close();
    server.closeAllConnections();
  });

  const issue = (alg: string, kid: string | undefined, key: Uint8Array | KeyObject) =>
    new SignJWT({ sub: 'alice', exp: inAnHour })
      .setProtectedHeader({ alg, ...(kid !== undefined && { kid }) })
      .sign(key);

  test.each<[string, () => Promise<string>]>([
    ['a key of its', () => issue('ES256', 'two', two.privateKey)],
    ['a key of another kind', () => issue('RS256', 'rsa', rsa.privateKey)],
    ['one of several keys, without saying which', () => issue('ES256', undefined, two.privateKey)],
  ])('lets a token in that is signed with %s', async (_, token) => {
    expect(await verify(await token())).toMatchObject({ user: 'alice' });
  });

  test.each<[string, () => Promise<string> | string]>([
    ["with a stranger's key under a name of the set", () => issue('ES256', 'one', stranger.privateKey)],
    ["with a stranger's key, without a name", () => issue('ES256', undefined, stranger.privateKey)],
    ['with a key whose kind does not fit the algorithm', () => issue('RS256', 'one', rsa.privateKey)],
    ['with another hash', () => issue('RS512', 'rsa', rsa.privateKey)],
    ['with a shared secret of the set', () => issue('HS256', 'shared', bytes(shared))],
    ['not at all', () => new UnsecuredJWT({ sub: 'alice', exp: inAnHour }).encode()],
  ])('refuses a token that is signed %s', async (_, token) => {
    await expect(verify(await token())).rejects.toMatchObject({ code: 'unauthorized' });
  });

  test('a key of it that is too weak lets nobody in, and is for the log', async () => {
    const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const text = `${part({ alg: 'RS256', kid: 'weak' })}.${part({ sub: 'alice', exp: inAnHour })}`;
    const signature = signWith('sha256', Buffer.from(text), weak.privateKey).toString('base64url');
    const refused = verify(`${text}.${signature}`);
    await expect(refused).rejects.toMatchObject({ code: 'unavailable' });
    await expect(refused).rejects.toHaveProperty('cause.message', expect.stringContaining('2048'));
  });
});

const address = 'must begin with https://';

test.each([
  [{}, 'set exactly one of'],
  [{ AUTH_SECRET: ' ' }, 'set exactly one of'],
  [{ AUTH_SECRET: 'x', AUTH_PUBLIC_KEY: 'y' }, 'set exactly one of'],
  [{ AUTH_SECRET: 'é'.repeat(15) + 'x' }, 'AUTH_SECRET must have at least 32 bytes'],
  [{ AUTH_JWKS_URL: 'http://keys.example/jwks.json' }, `AUTH_JWKS_URL ${address}`],
  [{ AUTH_JWKS_URL: 'http://127.example/jwks.json' }, `AUTH_JWKS_URL ${address}`],
  [{ AUTH_JWKS_URL: 'ftp://keys.example/jwks.json' }, 'AUTH_JWKS_URL must be'],
  [{ AUTH_JWKS_URL: 'https://me:hunter2@keys.example/' }, 'AUTH_JWKS_URL must not hold'],
  [{ AUTH_SECRET: secret, AUTHORIZE_URL: 'http://operator/may' }, `AUTHORIZE_URL ${address}`],
])('%o cannot be used', (env, why) => {
  const read = () => readGatewayConfig(env);
  expect(read).toThrow(why);
  expect(read).not.toThrow('hunter2');
});

test.each([
  { AUTH_SECRET: 'é'.repeat(16) },
  { AUTH_SECRET: 'short', AUTH_SECRET_MIN_BYTES: '5' },
  { AUTH_JWKS_URL: 'https://keys.example/jwks.json' },
  { AUTH_JWKS_URL: 'http://[::1]:8080/jwks.json' },
  { AUTH_JWKS_URL: 'http://localhost/jwks.json' },
  { AUTH_JWKS_URL: 'http://keys/jwks.json', ALLOW_PLAIN_HTTP: 'true' },
])('%o can be used', (env) => {
  expect(readGatewayConfig(env)).toMatchObject({});
});
