import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import WebSocket, { WebSocketServer } from 'ws';
import { connect } from '../client.ts';
import type { SocketConstructor } from './socket.ts';

/** Against a real server: that the WebSockets there are behave as the fake one does. */
describe.each([
  ['the platform', undefined],
  ['ws', WebSocket],
])('with the WebSocket of %s', (_name, constructor: SocketConstructor | undefined) => {
  let server: WebSocketServer;
  let url: string;
  let refuse = 0;

  beforeEach(async () => {
    refuse = 0;
    const verifyClient = () => refuse-- <= 0;
    server = new WebSocketServer({
      port: 0,
      host: '127.0.0.1',
      verifyClient,
      handleProtocols: () => 'sixfold.v1',
    });
    await once(server, 'listening');
    url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const limits = {
      maxPacketBytes: 65_536,
      sendWindow: 128,
      receiveWindow: 128,
      ackTimeoutMs: 10_000,
      ratePerS: 0,
    };
    server.on('connection', (socket) => {
      const send = (packet: object) => socket.send(JSON.stringify(packet));
      socket.on('message', (data: Buffer) => {
        const packet = JSON.parse(data.toString()) as { type: string; id: string; to: string };
        if (packet.type === 'login:R') {
          send({ type: 'login:A', user: 'alice', device: 'default', session: 's', at: 1, limits });
        }
        if (packet.type === 'msg:R') {
          send({ type: 'msg:A', id: packet.id, at: 2 });
          send({ type: 'ack:N', id: packet.id, to: packet.to, state: 'delivered', at: 3 });
        }
      });
    });
  });

  afterEach(() => {
    for (const socket of server.clients) socket.terminate();
    server.close();
  });

  const quick = { tuning: { reconnect: { baseMs: 20, maxMs: 20 } } };
  const client = () => connect({ url, token: 't', ...quick, ...(constructor && { WebSocket: constructor }) });

  test('sends, is told, and closes in the orderly way', async () => {
    const alice = client();
    const message = alice.send('bob', 'hello');
    expect(await message.settled()).toBe('delivered');
    const [socket] = server.clients;
    const closed = socket ? once(socket, 'close') : undefined;
    await alice.close();
    expect((await closed)?.[0]).toBe(1000);
  });

  test('comes back when the upgrade is refused, and when the connection is cut', async () => {
    refuse = 2;
    const alice = client();
    await alice.connected();
    for (const socket of server.clients) socket.terminate();
    await once(server, 'connection');
    await alice.connected();
    await alice.close();
  });

  test('sees close codes', async () => {
    const alice = client();
    await alice.connected();
    for (const socket of server.clients) socket.close(4409);
    await new Promise<void>((resolve) => {
      alice.onStatus(({ state }) => {
        if (state === 'closed') resolve();
      });
    });
    expect(alice.status).toEqual({ state: 'closed', code: 4409, reason: 'replaced' });
    await alice.close();
  });

  test('close while connecting leaves nothing behind', async () => {
    const alice = client();
    await alice.close();
    const bob = client();
    await new Promise((resolve) => setImmediate(resolve));
    await bob.close();
    expect(bob.status.state).toBe('closed');
  });
});
