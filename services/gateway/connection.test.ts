import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { currentTurn } from '#libs/runtime/turn.ts';
import { Connection, type ConnectionOwner } from './connection.ts';
import { Flusher } from './flusher.ts';

const LIMITS = { maxSendBuffer: 1_000_000, loginTimeoutMs: 10_000, maxControlFrames: 100 };

let server: Server;
let sockets: WebSocketServer;

beforeEach(async () => {
  server = createServer();
  sockets = new WebSocketServer({ server });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});

afterEach(() => {
  for (const client of sockets.clients) client.terminate();
  server.close();
});

const NOBODY: ConnectionOwner = { receive: () => undefined, closed: () => undefined };

/** A client on a connection of that owner. */
async function connect(owner: ConnectionOwner) {
  const accepted = Promise.withResolvers<Connection>();
  sockets.on('connection', (ws, request) =>
    accepted.resolve(new Connection(ws, request.socket, new Flusher(), owner, 'address', LIMITS)),
  );
  const client = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`);
  const received: string[] = [];
  client.on('message', (data: Buffer) => received.push(data.toString()));
  await new Promise((resolve) => client.once('open', resolve));
  return { client, received, connection: await accepted.promise };
}

test('packets of any length arrive as they were sent, in order', async () => {
  const { received, connection } = await connect(NOBODY);
  const texts = [
    'a',
    '日本語 é \u{1f600}',
    'é'.repeat(63),
    '',
    'ï'.repeat(40_000),
    'z'.repeat(125),
    'y'.repeat(126),
  ];
  for (const text of texts) connection.send('pong', text);
  expect(connection.sendBufferBytes).toBeGreaterThan(80_000);
  await vi.waitFor(() => expect(received).toEqual(texts), { timeout: 45_000 });
  expect(connection.sendBufferBytes).toBe(0);
});

test('what was said before a close arrives before it, and nothing after it', async () => {
  const { client, received, connection } = await connect(NOBODY);
  connection.send('pong', 'before');
  connection.close('overloaded');
  connection.send('pong', 'after');
  const code = await new Promise((resolve) => client.once('close', resolve));
  expect([received, code]).toEqual([['before'], 1013]);
});

test('a client that reads too slowly is let go', async () => {
  const { client, connection } = await connect(NOBODY);
  const code = new Promise((resolve) => client.once('close', resolve));
  client.pause();
  for (let n = 0; n < 100; n++) connection.send('pong', 'x'.repeat(100_000));
  await vi.waitFor(() => expect(connection.open).toBe(false), { timeout: 45_000 });
  client.resume();
  expect(await code).toBe(4413);
});

test.each([
  { what: 'small packets', count: 1_000, length: 10, most: 32 },
  { what: 'large packets', count: 20, length: 60_000, most: 2 },
])(
  '$what that a client sends at once are read over several turns of the event loop, in order',
  async (kind) => {
    const read: { text: string; turn: number }[] = [];
    const receive = (_: Connection, text: string) => void read.push({ text, turn: currentTurn() });
    const { client } = await connect({ ...NOBODY, receive });
    const sent = Array.from({ length: kind.count }, (_, n) => `packet ${n}`.padEnd(kind.length));
    for (const text of sent) client.send(text);
    await vi.waitFor(() => expect(read).toHaveLength(sent.length), { timeout: 45_000 });
    expect(read.map(({ text }) => text)).toEqual(sent);
    const inOneTurn = Map.groupBy(read, ({ turn }) => turn);
    expect(Math.max(...[...inOneTurn.values()].map(({ length }) => length))).toBeLessThanOrEqual(kind.most);
  },
);

test('what comes behind a login waits for it', async () => {
  const read: string[] = [];
  const login = Promise.withResolvers<undefined>();
  const receive = (_: Connection, text: string) => {
    read.push(text);
    return text === 'login' ? login.promise : undefined;
  };
  const { client } = await connect({ ...NOBODY, receive });
  for (const text of ['login', 'a', 'b']) client.send(text);
  await vi.waitFor(() => expect(read).not.toEqual([]), { timeout: 45_000 });
  await new Promise((resolve) => setImmediate(resolve));
  expect(read).toEqual(['login']);
  login.resolve(undefined);
  await vi.waitFor(() => expect(read).toHaveLength(3), { timeout: 45_000 });
  expect(read).toEqual(['login', 'a', 'b']);
});
