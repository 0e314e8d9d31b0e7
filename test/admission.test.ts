import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { once } from 'node:events';
import { connect as connectTcp } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { connect as connectTls, getCACertificates, setDefaultCACertificates } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connect } from '#libs/client/index.ts';
import { ConfigError } from '#libs/runtime/config.ts';
import { readCredentials } from '../services/gateway/admission/tls.ts';
import { logSize, logTail } from '../tools/stack/log-file.ts';
import { type Certificates, makeCertificates } from './harness/certificates.ts';
import { connectAs, connectRaw, type RawClient, type RawOptions } from './harness/raw-client.ts';
import type { ServiceHandle } from '../tools/testkit/service-handle.ts';
import { type Stack, startStack } from './harness/stack.ts';
import { until } from './harness/wait.ts';

/** Who gets in, and how many: limits by address and by user, origins, proxies, TLS (G7). */

const IDLE_MS = 5_000;
/** Long enough for an honest one on a machine that stands still now and then. */
const HANDSHAKE_MS = 10_000;
const MAX_SESSIONS = 3;
const ORIGIN = 'https://app.example.com';
/** The gateways' load balancer; all of 127.0.0.0/8 is this machine. */
const PROXY = '127.0.0.9';

const folder = mkdtempSync(join(tmpdir(), 'sixfold-tls-'));
const [first, second] = await Promise.all([
  makeCertificates(folder, 'first', '127.0.0.1'),
  makeCertificates(folder, 'second', '127.0.0.1'),
]);
/** What the gateway reads. */
const files = { TLS_CERT: join(folder, 'tls.crt'), TLS_KEY: join(folder, 'tls.key') };

function install({ cert, key }: Certificates): void {
  copyFileSync(cert, files.TLS_CERT);
  copyFileSync(key, files.TLS_KEY);
}

let stack: Stack;
/** With little room, behind a proxy. */
let narrow: ServiceHandle;
/** With TLS. */
let secure: ServiceHandle;

beforeAll(async () => {
  install(first);
  setDefaultCACertificates([
    ...getCACertificates(),
    readFileSync(first.ca, 'utf8'),
    readFileSync(second.ca, 'utf8'),
  ]);
  const env = { QUEUE_SETTLE_MS: '0', GATEWAY_LEASE_MS: '3000', MAX_SESSIONS_PER_USER: String(MAX_SESSIONS) };
  stack = await startStack({ gateways: 0, env });
  [narrow, secure] = await Promise.all([
    stack.addGateway({
      MAX_CONNECTIONS_PER_ADDRESS: '2',
      MAX_CONNECTIONS: '8', // half of them without a login
      LOGINS_PER_ADDRESS_PER_MIN: '6',
      LOGIN_TIMEOUT_MS: '60000',
      TRUSTED_PROXIES: PROXY,
      ALLOWED_ORIGINS: `https://www.example.com, ${ORIGIN}`,
    }),
    stack.addGateway({
      ...files,
      ACK_TIMEOUT_MS: '60000',
    }),
  ]);
});

afterAll(async () => {
  rmSync(folder, { recursive: true });
  await stack.stop();
});

const refused = async (gateway: ServiceHandle, reason: string) =>
  (await stack.metrics(gateway)).value('sixfold_refused_total', { reason });

/** How many more there are since now: other tests, and a test that is tried again, leave their own. */
async function refusedSince(gateway: ServiceHandle, reason: string): Promise<() => Promise<number>> {
  const before = await refused(gateway, reason);
  return async () => (await refused(gateway, reason)) - before;
}

/** Ways to come to the narrow gateway. */
const from = (localAddress: string): RawOptions => ({ ws: { localAddress } });
const through = (forwarded: string): RawOptions => ({
  ws: { localAddress: PROXY, headers: { 'X-Forwarded-For': forwarded } },
});

/** An address that no test has used: what counts by address counts on when a test is tried again. */
let addresses = 0;
const freshAddress = () => `203.0.113.${++addresses}`;

describe('by address', () => {
  /** How many more get in. */
  async function room(way: RawOptions, user: string): Promise<number> {
    const clients: RawClient[] = [];
    for (;;) {
      const client = await connectRaw(narrow.url, {
        token: await stack.token(user),
        device: `d${clients.length}`,
        ...way,
      });
      clients.push(client);
      const outcome = await Promise.race([client.login().catch(() => undefined), client.closed]);
      if (outcome && 'session' in outcome) continue;
      expect((await client.closed).code).toBe(1013);
      for (const one of clients) await one.close();
      return clients.length - 1;
    }
  }

  test('so many connections, and no more whatever the client says of itself', async () => {
    const more = await refusedSince(narrow, 'connections_per_address');
    const spoofed = (forwarded: string): RawOptions => ({
      ws: { localAddress: '127.0.0.21', headers: { 'X-Forwarded-For': forwarded } },
    });
    await using one = await connectAs(stack, narrow, 'ann', spoofed('198.51.100.1'));
    await using two = await connectAs(stack, narrow, 'bea', spoofed('198.51.100.2'));
    await using three = await connectRaw(narrow.url, spoofed('198.51.100.3'));
    expect((await three.closed).code).toBe(1013);
    expect(await more()).toBe(1);
    for (const client of [one, two]) {
      client.send({ type: 'ping' });
      await client.next('pong');
    }
    expect(await room(from('127.0.0.22'), 'cat')).toBe(2);
  });

  test('behind a trusted proxy it is the client that counts, by what the proxy saw', async () => {
    await using one = await connectAs(stack, narrow, 'dan', through('198.51.100.1'));
    expect(await room(through('198.51.100.2'), 'eve')).toBe(2);
    // What stands left of it is the client's own.
    expect(await room(through('198.51.100.2, 198.51.100.1'), 'fay')).toBe(1);
    expect(await room(through('2001:db8::1'), 'gus')).toBe(2);
    await using six = await connectAs(stack, narrow, 'hal', through('2001:db8::1'));
    expect(await room(through('2001:db8::ffff:2'), 'ida')).toBe(1);
    await Promise.all([one.close(), six.close()]);
  });

  test('so many logins a minute, good or bad: rate_limited, and closed with 4429', async () => {
    const more = await refusedSince(narrow, 'logins_per_address');
    const way = through(freshAddress());
    const codes: number[] = [];
    while (codes.at(-1) !== 4429 && codes.length < 60) {
      await using client = await connectRaw(narrow.url, way);
      client.send({ type: 'login:R', token: codes.length % 2 ? 'bad' : await stack.token('jan') });
      const answer = await Promise.race([client.next('login:A'), client.next('error')]);
      if (answer.type === 'login:A') await client.close();
      else if ((await client.closed).code === 4429)
        expect(answer).toMatchObject({ code: 'rate_limited', re: { type: 'login:R' } });
      codes.push((await client.closed).code);
    }
    // The bucket gets a token every ten seconds; on a slow machine further ones get through meanwhile.
    expect(codes.length).toBeGreaterThan(6);
    expect(codes.at(-1)).toBe(4429);
    expect(await more()).toBe(1);
    await using other = await connectAs(stack, narrow, 'jan', through(freshAddress()));
    await other.close();
  });
});

describe('before the login', () => {
  test('so many connections without a good token; a login makes room', async () => {
    const more = await refusedSince(narrow, 'unauthenticated_connections');
    const ways = ['127.0.0.31', '127.0.0.32', '127.0.0.33', '127.0.0.34'].map(from);
    const waiting = await Promise.all(ways.map((way) => connectRaw(narrow.url, way)));
    await using extra = await connectRaw(narrow.url, from('127.0.0.35'));
    expect((await extra.closed).code).toBe(1013);
    expect(await more()).toBe(1);
    waiting[0]?.send({ type: 'login:R', token: await stack.token('kay') });
    await waiting[0]?.next('login:A');
    await using next = await connectAs(stack, narrow, 'lea', from('127.0.0.36'));
    await next.close();
    for (const client of waiting) await client.terminate();
  });

  test('a connection that says nothing is cut off; a WebSocket is not', async () => {
    await using client = await connectAs(stack, narrow, 'mia', from('127.0.0.41'));
    const more = await refusedSince(narrow, 'idle');
    const silent = connectTcp(narrow.port, '127.0.0.1');
    const openedAt = Date.now();
    await once(silent, 'close');
    expect(Date.now() - openedAt).toBeGreaterThanOrEqual(IDLE_MS - 50);
    expect(await more()).toBeGreaterThanOrEqual(1);
    client.send({ type: 'ping' });
    await client.next('pong');
  });

  test('a page elsewhere is refused with HTTP 403; ours, and who is no page, get in', async () => {
    const more = await refusedSince(narrow, 'origin');
    const page = (origin: string): RawOptions => ({ ws: { origin, localAddress: '127.0.0.42' } });
    for (const origin of ['https://evil.example', 'http://app.example.com', `${ORIGIN}.evil.example`, 'null'])
      await expect(connectRaw(narrow.url, page(origin)), origin).rejects.toThrow('403');
    expect(await more()).toBe(4);
    await using ours = await connectAs(stack, narrow, 'ned', page(ORIGIN));
    await using anywhere = await connectAs(stack, secure, 'oda', page('https://elsewhere.example'));
    await Promise.all([ours.close(), anywhere.close()]);
  });
});

describe('sessions of one user', () => {
  const open = (device: string, gateway: ServiceHandle) =>
    connectAs(stack, gateway, 'pat', {
      device,
      ...(gateway === narrow && through(`198.51.100.${device.length}`)),
    });

  test('so many devices on all gateways; one that comes again takes its own place', async () => {
    const more = await refusedSince(secure, 'sessions_per_user');
    const a = await open('a', narrow);
    const bb = await open('bb', narrow);
    const ccc = await open('ccc', secure);
    await using refusedOne = await connectRaw(secure.url, { token: await stack.token('pat'), device: 'd' });
    await expect(refusedOne.login()).rejects.toThrow('1013');
    expect(await more()).toBe(1);
    const again = await open('a', secure);
    expect((await a.closed).code).toBe(4409);
    await bb.close();
    const later = await open('dddd', narrow);
    for (const client of [again, ccc, later]) await client.close();
  });

  test('at the same moment, too', async () => {
    const devices = ['e', 'f', 'g', 'h', 'i', 'j'];
    const token = await stack.token('ria');
    const clients = await Promise.all(devices.map((device) => connectRaw(secure.url, { token, device })));
    const outcomes = await Promise.allSettled(clients.map((client) => client.login()));
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(MAX_SESSIONS);
    expect(await stack.sql("SELECT count(*)::int FROM sessions WHERE user_id = 'ria'")).toEqual([
      { count: MAX_SESSIONS },
    ]);
    for (const client of clients) await client.terminate();
  });

  test('one that presence forgot, and that finds its place taken by others, goes', async () => {
    await using client = await connectAs(stack, secure, 'sue');
    await stack.sql(`WITH gone AS (DELETE FROM sessions WHERE user_id = 'sue' RETURNING *)
      INSERT INTO sessions SELECT user_id, 'other' || n, session || n, gateway, since FROM gone, generate_series(1, ${MAX_SESSIONS}) n`);
    await stack.sql('UPDATE presence SET name = gen_random_uuid()'); // as if it had been lost
    expect((await client.closed).code).toBe(1013);
  });
});

describe('TLS', () => {
  test('the reference client sends and receives over it', async () => {
    const as = async (user: string) => connect({ url: secure.url, token: await stack.token(user) });
    const [tom, uma] = await Promise.all([as('tom'), as('uma')]);
    const bodies: unknown[] = [];
    uma.onMessage(({ body }) => void bodies.push(body));
    await uma.connected();
    const sent = Array.from({ length: 50 }, (_, n) => tom.send('uma', `${n} ${'x'.repeat(20_000)}`));
    await Promise.all(sent.map((message) => message.settled()));
    expect(bodies).toEqual(sent.map((_, n) => `${n} ${'x'.repeat(20_000)}`));
    await Promise.all([tom.close(), uma.close()]);
  });

  test('a client that does not read is let go with 4413', async () => {
    await using vic = await connectAs(stack, secure, 'vic');
    await using wes = await connectAs(stack, secure, 'wes', { device: 'reader' });
    const letGo = async () =>
      (await stack.metrics(secure)).value('sixfold_errors_total', { code: 'slow_consumer' });
    const before = await letGo();
    vic.ws.pause();
    for (let n = 0; n < 128; n++) wes.msg('vic', `v${n}`, 'x'.repeat(64_000));
    await until(async () => (await letGo()) > before, { what: 'the gateway to let go' });
    vic.ws.resume();
    expect((await vic.closed).code).toBe(4413);
    await until(() => wes.all('ack:N', { state: 'stored' }).length === 128, { what: 'all to be stored' });
  });

  test('nothing but TLS 1.2 or newer', async () => {
    const more = await refusedSince(secure, 'tls');
    const plain = connectTcp(secure.port, '127.0.0.1');
    plain.write('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n');
    expect(await text(plain)).not.toContain('200');
    const dial = async (options: object) => {
      const socket = connectTls({
        port: secure.port,
        host: '127.0.0.1',
        ciphers: 'DEFAULT@SECLEVEL=0',
        ...options,
      });
      await once(socket, 'secureConnect');
      const protocol = socket.getProtocol();
      socket.destroy();
      return protocol;
    };
    await expect(dial({ minVersion: 'TLSv1', maxVersion: 'TLSv1.1' })).rejects.toThrow(/alert|protocol/);
    expect(await dial({ maxVersion: 'TLSv1.2' })).toBe('TLSv1.2');
    await until(async () => (await more()) === 2, { what: 'both to be counted' });
  });

  test('a handshake that goes nowhere is cut off', async () => {
    const more = await refusedSince(secure, 'tls_timeout');
    const silent = connectTcp(secure.port, '127.0.0.1');
    const openedAt = Date.now();
    await once(silent, 'close');
    expect(Date.now() - openedAt).toBeGreaterThanOrEqual(HANDSHAKE_MS - 50);
    await until(async () => (await more()) >= 1, { what: 'it to be counted' });
  });

  test('a renewed certificate is for new connections; one that does not fit changes nothing', async () => {
    const shown = async () => {
      const socket = connectTls({ port: secure.port, host: '127.0.0.1' });
      await once(socket, 'secureConnect');
      const { CN } = socket.getPeerCertificate().issuer;
      socket.destroy();
      return CN;
    };
    install(first);
    await until(async () => (await shown()) === 'first CA', { what: 'the first certificate' });
    await using before = await connectAs(stack, secure, 'xia');
    const from = logSize(secure.spec.logFile);
    copyFileSync(second.cert, files.TLS_CERT); // and not yet the key
    await until(async () => (await logTail(secure.spec.logFile, 40, from)).includes('the old one stays'), {
      what: 'it to be seen',
    });
    expect(await shown()).toBe('first CA');
    install(second);
    await until(async () => (await shown()) === 'second CA', { what: 'the new certificate' });
    before.send({ type: 'ping' });
    await before.next('pong');
  });

  test.each<[string, { cert?: string; key?: string }, RegExp]>([
    ['no key', { cert: first.cert }, /^TLS_CERT and TLS_KEY belong together/],
    ['no certificate', { key: first.key }, /^TLS_CERT and TLS_KEY belong together/],
    [
      'a file that is not there',
      { cert: '/nowhere.crt', key: first.key },
      /^TLS_CERT cannot be read: ENOENT/,
    ],
    ['a key that cannot be read', { cert: first.cert, key: folder }, /^TLS_KEY cannot be read: EISDIR/],
    ['a key in the place of the certificate', { cert: first.key, key: first.key }, /^TLS_CERT must be/],
    [
      'a certificate in the place of the key',
      { cert: first.cert, key: first.cert },
      /^TLS_KEY must be a file/,
    ],
    ['the key of another certificate', { cert: first.cert, key: second.key }, /^TLS_KEY must be the key/],
  ])('%s: the gateway does not start, and says why', (_, { cert, key }, message) => {
    const start = () => readCredentials({ TLS_CERT: cert, TLS_KEY: key });
    expect(start).toThrow(ConfigError);
    expect(start).toThrow(message);
  });
});
