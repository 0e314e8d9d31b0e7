import { exportJWK, generateKeyPair, jwtVerify, SignJWT, type CryptoKey, type JWK } from 'jose';
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pino } from 'pino';
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { KeySet, KeysOutOfReach, type KeySetOptions } from './key-set.ts';

const COOLDOWN_MS = 200;

interface Signer {
  jwk: JWK;
  privateKey: CryptoKey;
}

/** What the issuer publishes, how it answers, and how often it was asked. */
const issuer = {
  keys: [] as JWK[],
  fetches: 0,
  answer: (response: ServerResponse, keys: string): void => void response.end(keys),
};
const server = createServer((_, response) => {
  issuer.fetches++;
  issuer.answer(response, JSON.stringify({ keys: issuer.keys }));
});
let url: string;
let one: Signer;
let two: Signer;

beforeAll(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  [one, two] = await Promise.all([signer('one'), signer('two')]);
});

beforeEach(() => {
  issuer.keys = [one.jwk];
  issuer.fetches = 0;
  issuer.answer = (response, keys) => void response.end(keys);
});

afterAll(() => {
  server.close();
  server.closeAllConnections();
});

async function signer(kid: string): Promise<Signer> {
  const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true });
  return { jwk: { ...(await exportJWK(publicKey)), kid }, privateKey };
}

const down = (response: ServerResponse) => void response.writeHead(503).end();

/** The keys of the issuer, fetched anew so seldom that no test sees it, unless it says otherwise. */
function keySet(options: Partial<KeySetOptions> = {}): KeySet {
  const log = pino({ level: 'silent' });
  const keys = new KeySet({ url, cacheMs: 60_000, cooldownMs: COOLDOWN_MS, log, ...options });
  onTestFinished(() => keys.stop());
  return keys;
}

/** Checks a token that this key signed under its name, or another. */
async function check(keys: KeySet, { jwk, privateKey }: Signer, kid = jwk.kid ?? ''): Promise<void> {
  const token = await new SignJWT().setProtectedHeader({ alg: 'ES256', kid }).sign(privateKey);
  await jwtVerify(token, keys.find);
}

const unknown = { code: 'ERR_JWKS_NO_MATCHING_KEY' };
const untilAsked = (times: number) =>
  vi.waitFor(() => expect(issuer.fetches).toBeGreaterThanOrEqual(times), { timeout: 45_000 });

test('keys are fetched once, at the start', async () => {
  const keys = keySet();
  await untilAsked(1);
  await Promise.all(Array.from({ length: 20 }, () => check(keys, one)));
  expect(issuer.fetches).toBe(1);
});

test('a token with a new key makes us fetch, and gets in', async () => {
  const keys = keySet();
  await check(keys, one);
  issuer.keys = [one.jwk, two.jwk];
  await check(keys, two);
  await check(keys, one);
  expect(issuer.fetches).toBe(2);
});

test('keys that nobody knows make us fetch no more often than the cooldown allows', async () => {
  const keys = keySet();
  await check(keys, one);
  const began = Date.now();
  await Promise.all(
    Array.from({ length: 50 }, (_, n) =>
      expect(check(keys, two, `made-up-${n}`)).rejects.toMatchObject(unknown),
    ),
  );
  await expect(check(keys, two, 'made-up')).rejects.toMatchObject(unknown);
  expect(issuer.fetches).toBeGreaterThan(2);
  expect(issuer.fetches).toBeLessThanOrEqual(2 + (Date.now() - began) / COOLDOWN_MS);
});

test('nor do they while the key server is down', async () => {
  issuer.answer = down;
  const keys = keySet();
  const began = Date.now();
  for (let n = 0; n < 4; n++) await expect(check(keys, one)).rejects.toThrow(KeysOutOfReach);
  expect(issuer.fetches).toBeLessThanOrEqual(2 + (Date.now() - began) / COOLDOWN_MS);
});

test.each([
  ['without it', 200],
  ['with an error', 503],
])('a key that is there while a fetch is answered %s is found by the next one', async (_, status) => {
  const keys = keySet();
  await check(keys, one);
  let release: () => void = () => undefined;
  issuer.answer = (response, text) => (release = () => void response.writeHead(status).end(text));
  const early = expect(check(keys, two, 'made-up')).rejects.toThrow(
    status === 200 ? 'no applicable key' : KeysOutOfReach,
  );
  await untilAsked(2);
  issuer.keys = [one.jwk, two.jwk];
  const late = check(keys, two);
  await new Promise((resolve) => setImmediate(resolve)); // it has joined the fetch
  issuer.answer = (response, text) => void response.end(text);
  release();
  await early;
  await late;
});

test('while the key server is down known keys go on being used, and of others nobody can tell', async () => {
  const keys = keySet({ cacheMs: 100 });
  await check(keys, one);
  issuer.answer = down;
  const seen = issuer.fetches;
  await untilAsked(seen + 3); // long after their time
  await check(keys, one);
  await expect(check(keys, two)).rejects.toThrow(KeysOutOfReach);
  issuer.keys = [two.jwk];
  issuer.answer = (response, text) => void response.end(text);
  await check(keys, two); // it is back
});

test('a key that was withdrawn is not trusted for longer than keys are kept, though nobody asks for others', async () => {
  const keys = keySet({ cacheMs: 100 });
  await check(keys, one);
  issuer.keys = [two.jwk];
  await vi.waitFor(() => expect(check(keys, one)).rejects.toMatchObject(unknown), { timeout: 45_000 });
});

test('after the stop nothing is fetched, and nobody waits', async () => {
  issuer.answer = () => undefined; // it hangs
  const keys = keySet();
  await untilAsked(1);
  const waiting = expect(check(keys, one)).rejects.toThrow(KeysOutOfReach);
  const began = Date.now();
  keys.stop();
  await waiting;
  expect(Date.now() - began).toBeLessThan(2_000); // and not as long as a fetch may take
  expect(issuer.fetches).toBe(1);
});
