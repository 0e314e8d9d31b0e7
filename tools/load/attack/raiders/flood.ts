import { setTimeout as delay } from 'node:timers/promises';
import type { WebSocket } from 'ws';
import { logIn, open, type Target } from '../client.ts';
import type { Attack } from './attack.ts';

type Count = Parameters<Attack>[1];

const LARGE = 60_000;

/** What is sent without end: `n` counts. Those that log in get past the door; all of them exceed the rate limit. */
const KINDS: { name: string; login: boolean; reads: boolean; frame: (n: number) => string }[] = [
  {
    name: 'messages',
    login: true,
    reads: true,
    frame: (n) =>
      JSON.stringify({ type: 'msg:R', id: String(n), to: `nobody-${n % 10}`, body: 'x'.repeat(100) }),
  },
  { name: 'unread pongs', login: true, reads: false, frame: () => '{"type":"ping"}' },
  { name: 'no JSON', login: true, reads: true, frame: () => '{"type":"msg:R","id":' },
  { name: 'large', login: true, reads: true, frame: () => `{"type":"x","a":[${'1,'.repeat(LARGE / 2)}1]}` },
  { name: 'deep', login: true, reads: true, frame: () => '['.repeat(LARGE) },
  {
    name: 'unknown keys',
    login: true,
    reads: true,
    frame: (n) => JSON.stringify({ type: `t${n}`, [`k${n}`]: n }),
  },
  { name: 'never logged in', login: false, reads: true, frame: () => '{"type":"login:R","token":"x.y.z"}' },
  { name: 'logins again', login: true, reads: true, frame: (n) => `{"type":"login:R","token":"x.y.${n}"}` },
];

/** Frames that are handed to the socket in one go, and how much may wait there, bytes. */
const BURST = 100;
const WAITING = 512 * 1024;
/** Pause before a flooder that was thrown out comes back, milliseconds. */
const AGAIN_MS = 100;

/** Clients that send as fast as they can, and come back at once when they are thrown out. */
export const flood: Attack = async ({ target, raiders }, count) => {
  const all = Array.from({ length: raiders }, (_, n) => {
    const { promise, resolve } = Promise.withResolvers<true>();
    void flooder(target, n, count, () => resolve(true));
    return promise;
  });
  await Promise.all(all);
};

/** @param thrownOut called each time that it is */
async function flooder(target: Target, n: number, count: Count, thrownOut: () => void): Promise<never> {
  const kind = KINDS[n % KINDS.length];
  if (!kind) throw new Error('there are kinds');
  for (let sent = 0; ;) {
    try {
      const socket = kind.login ? await logIn(target, `flooder-${n}`) : await open(target);
      count('connections');
      if (!kind.reads) socket.pause();
      sent = await pour(socket, kind.frame, sent, count);
      thrownOut();
    } catch {
      count('refused');
    }
    await delay(AGAIN_MS);
  }
}

/** Sends until the connection ends. @returns how much was sent so far */
async function pour(
  socket: WebSocket,
  frame: (n: number) => string,
  sent: number,
  count: Count,
): Promise<number> {
  while (socket.readyState === socket.OPEN) {
    for (let n = 0; n < BURST && socket.bufferedAmount < WAITING; n++) {
      socket.send(frame(sent++));
      count('frames');
    }
    await delay(1);
  }
  socket.terminate(); // without waiting for the rest of the closing
  return sent;
}
