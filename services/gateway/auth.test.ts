import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { SignJWT, UnsecuredJWT, type JWTPayload } from 'jose';
import { describe, expect, test } from 'vitest';
import { createVerifier } from './auth.ts';
import { readGatewayConfig } from './config.ts';

const secret = 'a secret of the test';
const bytes = (text: string) => new TextEncoder().encode(text);
const inAnHour = Math.floor(Date.now() / 1_000) + 3_600;

const sign = (payload: JWTPayload, alg: string, key: Uint8Array | KeyObject) =>
  new SignJWT(payload).setProtectedHeader({ alg }).sign(key);
const verifier = (env: Record<string, string>) => createVerifier(readGatewayConfig(env));

describe('a shared secret', () => {
  const verify = verifier({ AUTH_SECRET: ` ${secret}\n` }); // trimmed

  test('accepts HS256 and reads sub and exp', async () => {
    const token = await sign({ sub: 'alice', exp: inAnHour }, 'HS256', bytes(secret));
    expect(await verify(token)).toEqual({ user: 'alice', expiresAt: inAnHour * 1_000 });
  });

  test.each<[string, () => Promise<string> | string]>([
    ['no exp', () => sign({ sub: 'alice' }, 'HS256', bytes(secret))],
    ['no sub', () => sign({ exp: inAnHour }, 'HS256', bytes(secret))],
    ['a sub that is no user id', () => sign({ sub: 'a b', exp: inAnHour }, 'HS256', bytes(secret))],
    ['an expired token', () => sign({ sub: 'alice', exp: 1 }, 'HS256', bytes(secret))],
    ['another secret', () => sign({ sub: 'alice', exp: inAnHour }, 'HS256', bytes('other secret'))],
    ['another algorithm', () => sign({ sub: 'alice', exp: inAnHour }, 'HS512', bytes(secret))],
    ['alg none', () => new UnsecuredJWT({ sub: 'alice', exp: inAnHour }).encode()],
    ['garbage', () => 'a.b.c'],
    ['nothing', () => ''],
  ])('refuses %s', async (_what, token) => {
    await expect(verify(await token())).rejects.toMatchObject({ code: 'unauthorized' });
  });
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

test('keys out of reach are no verdict on the token', async () => {
  const verify = verifier({ AUTH_JWKS_URL: 'http://127.0.0.1:1/keys' });
  const { privateKey } = generateKeyPairSync('ed25519');
  const token = await sign({ sub: 'alice', exp: inAnHour }, 'EdDSA', privateKey);
  await expect(verify(token)).rejects.toMatchObject({ code: 'unavailable' });
});

test.each([{}, { AUTH_SECRET: ' ' }, { AUTH_SECRET: 'x', AUTH_PUBLIC_KEY: 'y' }])(
  'exactly one key must be set: %o',
  (env) => expect(() => readGatewayConfig(env)).toThrow(/set exactly one of/),
);
