import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type WebSocket, WebSocketServer } from 'ws';
import { LoadSocket } from './socket.ts';

/** Against the server of the library that the gateway has. */
let server: WebSocketServer;

beforeAll(async () => {
  server = new WebSocketServer({ host: '127.0.0.1', port: 0 });
  await once(server, 'listening');
});

afterAll(() => {
  for (const client of server.clients) client.terminate();
  server.close();
});

async function connected(): Promise<[LoadSocket, WebSocket]> {
  const arrived = once(server, 'connection') as Promise<[WebSocket]>;
  const { port } = server.address() as AddressInfo;
  const socket = await LoadSocket.open(`ws://127.0.0.1:${port}/ws`);
  return [socket, (await arrived)[0]];
}

const lengths = [1, 125, 126, 65_535, 65_536, 300_000];

test('reads frames of any length, however they are cut, and answers pings', async () => {
  const [socket, peer] = await connected();
  const texts: number[] = [];
  const all = new Promise<void>((resolve) => {
    socket.onText = (chunk, from, to) => {
      expect(chunk.slice(from, to)).toMatch(/^x+$/);
      texts.push(to - from);
      if (texts.length === 2 * lengths.length) resolve();
    };
  });
  const pong = once(peer, 'pong');
  peer.ping('here');
  for (const length of [...lengths, ...lengths]) peer.send('x'.repeat(length));
  await all;
  expect(texts).toEqual([...lengths, ...lengths]);
  expect(String((await pong)[0])).toBe('here');
});

test.each([1, 125, 126, 65_535])('sends a frame of %i characters', async (length) => {
  const [socket, peer] = await connected();
  const arrived = once(peer, 'message');
  socket.send('y'.repeat(length));
  expect(String((await arrived)[0])).toBe('y'.repeat(length));
});

test('says why it ended', async () => {
  const [socket, peer] = await connected();
  const ended = new Promise<string>((resolve) => (socket.onEnd = resolve));
  peer.close(4413);
  expect(await ended).toBe('closed with 4413');
});
