import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { readdirSync, readFileSync } from 'node:fs';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import {
  ACK_QUEUE,
  DEAD_QUEUE,
  gatewayQueue,
  partitionOf,
  RETURNED_QUEUE,
  routeQueue,
} from '#libs/broker/topology.ts';
import { publishTo, takeLetters, withChannel } from './harness/queues.ts';
import { connectRaw, isHint, type RawClient, type RawOptions } from './harness/raw-client.ts';
import type { ServiceHandle } from '../tools/testkit/service-handle.ts';
import { type Stack, startStack } from './harness/stack.ts';
import { until } from './harness/wait.ts';

/** Tokens, bodies and secrets are nobody's business: not in logs, however talkative, not in metrics, not in errors. */

const PARTITIONS = 8;
const MAX_PACKET_BYTES = 2_048;

/** Begins whatever must be found nowhere; what follows says what it is. */
const MARK = 'hush-hush';
const body = (what: string) => `${MARK}-${what}`;

const keys = await generateKeyPair('ES256', { extractable: true });
/** The issuer's keys; it is down at first. */
let jwks: string | undefined;
/** The issuer, and the operator, who talks nonsense. */
const outside = createServer((request, response) => {
  if (request.method === 'POST') response.end(body('nonsense'));
  else response.writeHead(jwks === undefined ? 503 : 200).end(jwks);
});

const RECEIPT_SECRET = 'a key of read receipts that nobody may see';

let stack: Stack;
let plain: ServiceHandle;
/** Has keys of an issuer, and asks the operator. */
let asking: ServiceHandle;
const tokens: string[] = [];
/** All that clients were told, apart from the messages that are for them. */
const told: string[] = [];

beforeAll(async () => {
  outside.listen(0, '127.0.0.1');
  await once(outside, 'listening');
  const { port } = outside.address() as AddressInfo;
  const env = {
    LOG_LEVEL: 'trace',
    ACK_TIMEOUT_MS: '300',
    MAX_PACKET_BYTES: String(MAX_PACKET_BYTES),
    RECEIPT_SECRET,
  };
  stack = await startStack({ gateways: 1, env });
  [plain] = stack.gateways as [ServiceHandle];
  asking = await stack.addGateway({
    AUTH_SECRET: undefined,
    AUTH_JWKS_URL: `http://127.0.0.1:${port}/keys?key=${body('key-of-issuer')}`,
    AUTH_JWKS_CACHE_MS: '500', // so that failed fetches are tried again soon
    AUTHORIZE_URL: `http://127.0.0.1:${port}/may-write?key=${body('key-of-operator')}`,
  });
  await logins();
  await messages();
  await badPackets();
  await deadLetters();
  await operators();
});

afterAll(async () => {
  outside.close();
  outside.closeAllConnections();
  await stack.stop();
});

/** Uses a connection, and notes what its client was told. */
async function connection(url: string, options: RawOptions, use: (client: RawClient) => Promise<unknown>) {
  await using client = await connectRaw(url, options);
  await use(client);
  const forOthers = client.packets.filter(({ packet }) => !['msg:N', 'offline:N'].includes(packet.type));
  told.push(...forOthers.map(({ text }) => text));
  if (client.ws.readyState === client.ws.CLOSED) told.push((await client.closed).reason);
}

const issue = (user: string, alg: string, key: Parameters<SignJWT['sign']>[0], expires = 3_600) =>
  new SignJWT({ sub: user, exp: Math.floor(Date.now() / 1_000) + expires, note: body('claim') })
    .setProtectedHeader({ alg })
    .sign(key);

async function token(user: string, secret: string = stack.secret, expires?: number): Promise<string> {
  const text = await issue(user, 'HS256', new TextEncoder().encode(secret), expires);
  tokens.push(text);
  return text;
}

const loggedIn = async (user: string, use: (client: RawClient) => Promise<unknown>) =>
  connection(plain.url, { token: await token(user) }, async (client) => {
    await client.login();
    await use(client);
  });

async function logins(): Promise<void> {
  const good = await token('alice');
  const attempts: unknown[] = [
    await token('alice', 'another secret, also long enough for HS256'),
    await token('alice', stack.secret, -1),
    await token('no user id'),
    `${good}x`,
    good.split('.').slice(0, 2).join('.'),
    body('token'),
    `${body('token')}.${body('token')}.${body('token')}`,
    [body('token')],
    { text: body('token') },
  ];
  for (const attempt of attempts)
    await connection(`${plain.url}?token=${body('query')}`, {}, async (client) => {
      client.send(JSON.stringify({ type: 'login:R', token: attempt }));
      await client.closed;
    });
  await connection(plain.url, {}, async (client) => {
    client.send({ type: 'login:R', token: good, device: body('no device!') });
    await client.next('error');
    client.send({ type: 'login:R', token: good });
    await client.next('login:A');
    client.send({ type: 'login:R', token: await token('somebody-else') });
    await client.next('error');
  });
  await expect(connectRaw(plain.url.replace('/ws', `/${body('path')}`))).rejects.toThrow('404');
}

/** Live, away, returned, pulled. */
async function messages(): Promise<void> {
  await loggedIn('alice', async (alice) => {
    await loggedIn('bob', async (bob) => {
      alice.msg('bob', 'live', body('live'));
      bob.send({ type: 'ack:R', id: (await bob.next('msg:N')).id, from: 'alice' });
      await alice.next('ack:N', { id: 'live', state: 'delivered' });
      alice.msg('bob', 'returned', { secret: body('returned') });
      await bob.next('offline:N', isHint); // it was not answered
      alice.msg('carol', 'away', [body('away')]);
      await alice.next('ack:N', { id: 'away', state: 'stored' });
      const { messages: page } = await bob.pull();
      expect(page.map(({ id }) => id)).toEqual(['returned']);
      bob.send({ type: 'offline:A', keys: page.map(({ key }) => key) });
      await until(async () => (await alice.pull()).receipts.length > 0, { what: 'the receipt' });
    });
  });
}

async function badPackets(): Promise<void> {
  const text = JSON.stringify(body('bad-packet'));
  const frames = [
    body('no-json'),
    `{"type":"msg:R","id":"m","to":"bob","body":${text}`,
    `{"type":"msg:R","id":"m","to":"bob","body":[${text},1e400]}`,
    `{"type":"msg:R","id":"m","to":"bob","body":${'['.repeat(101)}${text}${']'.repeat(101)}}`,
    `{"type":"msg:R","to":"bob","body":${text}}`,
    `{"type":"msg:R","id":"${body('no id!')}","to":"bob","body":${text}}`,
    `{"type":"msg:R","id":"m","to":"${body('no user!')}","body":${text}}`,
    `{"type":"${body('a type that is longer than any type')}","body":${text}}`,
    `{"type":"offline:A","keys":[${text},7]}`,
    `{"type":"login:R","body":${text}}`,
  ];
  for (const frame of [...frames, Buffer.from(body('binary')), body('large').repeat(MAX_PACKET_BYTES)])
    await loggedIn('dora', async (dora) => {
      dora.ws.send(frame);
      await Promise.race([dora.next('error'), dora.closed]);
    });
  await connection(plain.url, {}, async (nobody) => {
    nobody.send({ type: 'msg:R', id: 'early', to: 'bob', body: body('early') });
    await nobody.closed;
  });
}

/** What is unreadable in each queue, and what is readable and hopeless. */
async function deadLetters(): Promise<void> {
  const message = { kind: 'message', from: 'test', id: 'dead', to: 'carol', at: 1, body: body('dead') };
  const gateway = String(
    (await stack.sql("SELECT gateway FROM gateways WHERE gateway LIKE 'gateway-1.%'"))[0]?.['gateway'],
  );
  const route = routeQueue(partitionOf('carol', PARTITIONS));
  await withChannel(stack, async (channel) => {
    await channel.purgeQueue(DEAD_QUEUE);
    for (const queue of [route, ACK_QUEUE, RETURNED_QUEUE, gatewayQueue(gateway)]) {
      const bad = { ...message, body: { secret: body('dead') } };
      await publishTo(channel, queue, body('dead'), `[${JSON.stringify(bad)}]`, JSON.stringify(message));
    }
    const hopeless = { ...message, body: JSON.stringify(body('hopeless')) + '\u0000' }; // Postgres takes no U+0000
    await publishTo(channel, route, JSON.stringify([hopeless]));
    const letters = await takeLetters(channel, 13);
    expect(letters.filter(({ content }) => content.includes(MARK))).toHaveLength(13);
    told.push(...letters.map(({ reason }) => reason));
  });
}

async function operators(): Promise<void> {
  await connection(asking.url, {}, async (client) => {
    const text = await issue('erik', 'ES256', keys.privateKey);
    tokens.push(text);
    client.send({ type: 'login:R', token: text });
    await client.next('error', { code: 'unavailable' });
    jwks = JSON.stringify({ keys: [await exportJWK(keys.publicKey)] });
    client.send({ type: 'login:R', token: text });
    await client.next('login:A');
    client.msg('bob', 'asked', body('asked'));
    await client.next('error', ({ code, re }) => code === 'unavailable' && re?.id === 'asked');
  });
}

/** Where in a text something is that must be nowhere. */
function leaks(text: string): string[] {
  const parts = tokens.flatMap((one) => one.split('.').slice(1));
  return [MARK, stack.secret, RECEIPT_SECRET, ...parts].flatMap((secret) => {
    const at = text.indexOf(secret);
    return at < 0 ? [] : [text.slice(Math.max(0, at - 200), at + 100)];
  });
}

/** What the processes must have told: they are as talkative as can be. */
const SAID = [
  ...['msg:R', 'msg:A', 'msg:N', 'ack:N', 'returned', 'stored', 'offline:N', 'refused'].map(
    (step) => `"msg":"${step}"`,
  ),
  'entries cannot be handled',
  'keys cannot be fetched',
  'the authorization endpoint gave no answer',
  'session closed',
];

test('no log holds any of it, of whatever process', async () => {
  const folder = join(inject('infrastructure').dataDir, 'logs');
  const read = () =>
    readdirSync(folder).map((name) => [name, readFileSync(join(folder, name), 'utf8')] as const);
  // A process writes its log a moment after it has answered.
  const missing = () => SAID.filter((said) => !read().some(([, text]) => text.includes(said)));
  await until(() => missing().length === 0, { what: 'all of it in the logs' }).catch(() => undefined);
  expect(missing()).toEqual([]);
  for (const [name, text] of read()) expect(leaks(text), name).toEqual([]);
});

test('nor do metrics and probes', async () => {
  for (const { http } of [...stack.gateways, ...stack.routing, ...stack.ack])
    for (const path of ['/metrics', '/readyz', '/healthz'])
      expect(leaks(await (await fetch(http + path)).text())).toEqual([]);
});

test('nor errors, nor why a connection was closed, nor why a letter is dead', () => {
  const errors = told.filter((text) => text.includes('"error"'));
  expect(errors.length).toBeGreaterThan(20);
  expect(leaks(told.join('\n'))).toEqual([]);
});
