import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { currentTurn } from '#libs/runtime/turn.ts';
import { Connection, type ConnectionOwner } from './connection.ts';
import { Corker } from './corker.ts';

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

/** A client on a connection of that owner. */
async function connect(owner: ConnectionOwner): Promise<WebSocket> {
  sockets.on('connection', (ws, request) => {
    new Connection(ws, request.socket, new Corker(), owner, 'address', LIMITS);
  });
  const client = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`);
  await new Promise((resolve) => client.once('open', resolve));
  return client;
}

test('what a client sends at once is read over several turns of the event loop, in order', async () => {
  const read: { text: string; turn: number }[] = [];
  const receive = (_: Connection, text: string) => void read.push({ text, turn: currentTurn() });
  const client = await connect({ receive, closed: () => undefined });
  const sent = Array.from({ length: 1_000 }, (_, n) => `packet ${n}`);
  for (const text of sent) client.send(text);
  await vi.waitFor(() => expect(read).toHaveLength(sent.length), 5_000);
  expect(read.map(({ text }) => text)).toEqual(sent);
  const inOneTurn = Map.groupBy(read, ({ turn }) => turn);
  expect(Math.max(...[...inOneTurn.values()].map(({ length }) => length))).toBeLessThanOrEqual(32);
});

test('what comes behind a login waits for it', async () => {
  const read: string[] = [];
  const login = Promise.withResolvers<undefined>();
  const receive = (_: Connection, text: string) => {
    read.push(text);
    return text === 'login' ? login.promise : undefined;
  };
  const client = await connect({ receive, closed: () => undefined });
  for (const text of ['login', 'a', 'b']) client.send(text);
  await vi.waitFor(() => expect(read).not.toEqual([]));
  await new Promise((resolve) => setImmediate(resolve));
  expect(read).toEqual(['login']);
  login.resolve(undefined);
  await vi.waitFor(() => expect(read).toHaveLength(3));
  expect(read).toEqual(['login', 'a', 'b']);
});
