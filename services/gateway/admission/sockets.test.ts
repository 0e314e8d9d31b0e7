import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { register } from 'prom-client';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { ClientAddresses, parseNetworks } from './addresses.ts';
import { limitSockets, httpLimits } from './sockets.ts';

/** Enough of everything, for as long as a test runs. */
const GENEROUS = {
  maxSockets: 100,
  maxConnectionsPerAddress: 0,
  idleTimeoutMs: 60_000,
  headerTimeoutMs: 60_000,
  requestTimeoutMs: 60_000,
  maxHeaderBytes: 2_000,
};

let server: Server;
/** In the place of those that are logged in. */
const clients = { size: 0 };
const open: Socket[] = [];

async function start(limits: Partial<typeof GENEROUS>, proxies = ''): Promise<void> {
  const config = { ...GENEROUS, ...limits };
  server = createServer(httpLimits(config), (_, response) => response.end('here'));
  limitSockets(server, config, new ClientAddresses(parseNetworks(proxies)), clients);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
}

afterEach(() => {
  clients.size = 0;
  for (const socket of open.splice(0)) socket.destroy();
  server.close();
  server.closeAllConnections();
});

/** Connects and says something. */
async function say(words = ''): Promise<Socket> {
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  socket.on('error', () => undefined);
  open.push(socket);
  await once(socket, 'connect');
  socket.write(words);
  return socket;
}

/** What a client gets that does not ask twice, until the server ends the connection. */
const answer = async (words: string) => text(await say(words));

/** Other tests of this process have been refused, too. */
const before = new Map<string, number>();
beforeEach(async () => {
  before.clear();
  for (const reason of [
    'header_bytes',
    'bad_request',
    'request_timeout',
    'idle',
    'http_connections',
    'connections_per_address',
  ])
    before.set(reason, await refused(reason));
});

async function refused(reason: string): Promise<number> {
  const { values } = (await register.getSingleMetric('sixfold_refused_total')?.get()) ?? { values: [] };
  const value = values.find(({ labels }) => labels['reason'] === reason)?.value ?? 0;
  return value - (before.get(reason) ?? 0);
}

const cutOff = (...sockets: Socket[]) =>
  vi.waitFor(() => expect(sockets.every(({ closed }) => closed)).toBe(true), { timeout: 45_000 });

/** It is served, and stays. */
async function served(socket: Socket): Promise<void> {
  socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
  const [said = 'nothing'] = await Promise.race([once(socket, 'data'), once(socket, 'close').then(() => [])]);
  expect(String(said)).toContain('200 OK');
}

test('a header that is too large: 431', async () => {
  await start({});
  expect(await answer(`GET / HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(2_000)}\r\n\r\n`)).toMatch(
    /^HTTP\/1.1 431 /,
  );
  expect(await refused('header_bytes')).toBe(1);
});

test('what is no HTTP: 400', async () => {
  await start({});
  expect(await answer('hello\r\n\r\n')).toMatch(/^HTTP\/1.1 400 /);
  expect(await refused('bad_request')).toBe(1);
});

test('a request that comes too slowly, though never silent: 408', async () => {
  await start({ headerTimeoutMs: 100 });
  const socket = await say('GET / HTTP/1.1\r\n');
  const trickle = setInterval(() => socket.write('X: x\r\n'), 20);
  expect(await text(socket)).toMatch(/^HTTP\/1.1 408 /);
  clearInterval(trickle);
  expect(await refused('request_timeout')).toBe(1);
});

test('who says nothing, or nothing more, is cut off', async () => {
  await start({ idleTimeoutMs: 100 });
  const silent = await say();
  const keptAlive = await say();
  await served(keptAlive);
  await cutOff(silent, keptAlive);
  expect(await refused('idle')).toBe(2);
});

test('more sockets than may be without a client are cut off; those with one do not count', async () => {
  await start({ maxSockets: 2 });
  const first = await say();
  const second = await say();
  await served(second);
  await cutOff(await say());
  expect(await refused('http_connections')).toBe(1);
  clients.size = 1; // one of them has become a client
  await served(await say());
  await cutOff(await say());
  first.destroy();
  await vi.waitFor(async () => served(await say()), { timeout: 45_000 });
});

test('one address has room for as many sockets again as it may have clients', async () => {
  await start({ maxConnectionsPerAddress: 1 });
  const [first] = [await say(), await say()];
  await cutOff(await say());
  expect(await refused('connections_per_address')).toBe(1);
  first.destroy();
  await vi.waitFor(async () => served(await say()), { timeout: 45_000 });
});

test('behind a trusted proxy all come from one address, and are not told apart by it', async () => {
  await start({ maxConnectionsPerAddress: 1 }, '127.0.0.0/8');
  for (let n = 0; n < 5; n++) await served(await say());
});
