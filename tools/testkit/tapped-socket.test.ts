import { once } from 'node:events';
import { expect, test } from 'vitest';
import { type WebSocket, WebSocketServer } from 'ws';
import { tappedSocket } from './tapped-socket.ts';

test('sees every packet both ways, and can lose one', async () => {
  const server = new WebSocketServer({ port: 0 });
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  const accepted = once(server, 'connection') as Promise<[WebSocket]>;
  const seen: string[] = [];
  let opened = 0;
  const Tapped = tappedSocket({
    opened: () => opened++,
    packet: (direction, { type }) => seen.push(`${direction} ${type}`) > 0 && !type.startsWith('lost'),
  });
  const socket = new Tapped(`ws://127.0.0.1:${port}`, []);
  const received: unknown[] = [];
  socket.addEventListener('message', ({ data }) => received.push(data));
  const [far] = await accepted;
  const arrived: string[] = [];
  far.on('message', (data: Buffer) => arrived.push(data.toString()));
  await once(socket, 'open');
  for (const type of ['lost:R', 'msg:R']) socket.send(JSON.stringify({ type }));
  for (const type of ['lost:N', 'msg:A']) far.send(JSON.stringify({ type }));
  far.close(4000, 'done');
  expect(await once(socket, 'close')).toEqual([4000, Buffer.from('done')]);
  server.close();
  expect(opened).toBe(1);
  expect(seen).toEqual(['out lost:R', 'out msg:R', 'in lost:N', 'in msg:A']);
  expect(arrived).toEqual(['{"type":"msg:R"}']);
  expect(received).toEqual(['{"type":"msg:A"}']);
});
