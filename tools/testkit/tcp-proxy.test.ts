import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { TcpProxy } from './tcp-proxy.ts';
import { until } from '../stack/until.ts';

let target: Server;
let proxy: TcpProxy;
let accepted: Socket[];
let heard: string;

beforeEach(async () => {
  [accepted, heard] = [[], ''];
  target = createServer((socket) => {
    accepted.push(socket);
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => {
      heard += chunk.toString();
      socket.write(chunk); // an echo
    });
  }).listen(0, '127.0.0.1');
  await once(target, 'listening');
  const address = target.address();
  proxy = await TcpProxy.listen(typeof address === 'object' && address ? address.port : 0);
});

afterEach(async () => {
  await proxy.close();
  for (const socket of accepted) socket.destroy();
  target.close();
});

interface Talk {
  socket: Socket;
  heard: string;
  closed: boolean;
}

async function talk(): Promise<Talk> {
  const socket = connect(proxy.port, '127.0.0.1');
  const one: Talk = { socket, heard: '', closed: false };
  socket.on('data', (chunk) => (one.heard += chunk.toString()));
  socket.on('error', () => undefined);
  socket.on('close', () => (one.closed = true));
  await once(socket, 'connect');
  return one;
}

const echoed = (one: Talk, text: string) => until(() => one.heard === text, { what: `the echo of ${text}` });

test('passes bytes on, both ways, and the end of a connection', async () => {
  const one = await talk();
  one.socket.write('hello');
  await echoed(one, 'hello');
  const large = 'x'.repeat(3_000_000);
  one.heard = '';
  one.socket.write(large);
  await echoed(one, large);
  one.socket.end();
  await until(() => accepted[0]?.readableEnded, { what: 'the end at the target' });
  accepted[0]?.end();
  await until(() => one.closed && proxy.connections === 0, { what: 'the end at both sides' });
});

test('a stall holds everything back, and loses nothing', async () => {
  const one = await talk();
  one.socket.write('a');
  await echoed(one, 'a');
  proxy.stall();
  one.socket.write('b');
  const later = await talk(); // connects, as to a machine that hangs
  later.socket.write('c');
  await delay(50);
  expect(heard).toBe('a');
  proxy.resume();
  await Promise.all([echoed(one, 'ab'), echoed(later, 'c')]);
  one.socket.destroy();
  later.socket.destroy();
});

test('a lost connection is one that nobody hears the end of', async () => {
  const one = await talk();
  one.socket.write('a');
  await echoed(one, 'a');
  proxy.lose();
  one.socket.write('b');
  accepted[0]?.write('c');
  const later = await talk();
  later.socket.write('d');
  await echoed(later, 'd');
  expect([heard, one.heard]).toEqual(['ad', 'a']);
  one.socket.destroy();
  await delay(50);
  expect(accepted[0]?.closed).toBe(false);
  later.socket.destroy();
});

test('a reset ends both sides at once, and later ones pass', async () => {
  const one = await talk();
  one.socket.write('a');
  await echoed(one, 'a');
  proxy.reset();
  await until(() => one.closed && accepted[0]?.closed, { what: 'the end at both sides' });
  const later = await talk();
  later.socket.write('b');
  await echoed(later, 'b');
  later.socket.destroy();
});

test('a cut ends everything that there is and that comes, until it is mended', async () => {
  const one = await talk();
  one.socket.write('a');
  await echoed(one, 'a');
  proxy.cut();
  await until(() => one.closed && accepted[0]?.closed, { what: 'the end at both sides' });
  const meanwhile = connect(proxy.port, '127.0.0.1');
  const [error] = (await once(meanwhile, 'error')) as [NodeJS.ErrnoException];
  expect(error.code).toBe('ECONNRESET');
  expect(accepted).toHaveLength(1);
  proxy.mend();
  const later = await talk();
  later.socket.write('b');
  await echoed(later, 'b');
  later.socket.destroy();
});

test('a target that is not there closes the connection', async () => {
  target.close();
  await once(target, 'close');
  const one = await talk();
  await until(() => one.closed, { what: 'the end' });
});

test('breaks a connection after a number of bytes, and not the next one', async () => {
  const one = await talk();
  one.socket.write('hello');
  await echoed(one, 'hello');
  proxy.breakAfter(7);
  one.socket.write('hello');
  await until(() => one.closed, { what: 'the connection to end' });
  expect(one.heard).toBe('hellohe');
  const two = await talk();
  two.socket.write('hello, again');
  await echoed(two, 'hello, again');
});
