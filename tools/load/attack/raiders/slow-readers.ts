import { setTimeout as delay } from 'node:timers/promises';
import { logIn, type Target } from '../client.ts';
import type { Attack } from './attack.ts';

/** Length of a message's body. */
export const BODY_BYTES = 16_384;
const BODY = 'x'.repeat(BODY_BYTES);
/** Pause between two messages of a writer, milliseconds: far below the rate limit. */
const PAUSE_MS = 100;
/** So many write to one. */
const WRITERS = 4;
/** The attack is at full strength when each writer has written so many, however slow the machine. */
const WARM_UP = 16;

type Count = Parameters<Attack>[1];

/** Clients that log in and then never read, while others write to them as fast as they may. */
export const slowReaders: Attack = async ({ target, raiders }, count) => {
  const numbers = Array.from({ length: raiders }, (_, n) => n);
  const readers = numbers.slice(0, Math.ceil(raiders / WRITERS));
  await Promise.all(readers.map((n) => read(target, n, count)));
  await Promise.all(numbers.map((n) => write(target, n, readers.length, count)));
};

/** Whenever it is let go it comes back, and reads no more than before. */
async function read(target: Target, n: number, count: Count): Promise<void> {
  try {
    const socket = await logIn(target, `slow-reader-${n}`);
    socket.pause();
    count('readers');
    socket.once('close', () => {
      count('readers let go');
      void read(target, n, count);
    });
  } catch {
    await delay(500);
    await read(target, n, count);
  }
}

async function write(target: Target, n: number, readers: number, count: Count): Promise<void> {
  const socket = await logIn(target, `writer-${n}`);
  let written = 0;
  await new Promise<void>((warm, fail) => {
    socket.once('close', () => fail(new Error('a writer was let go'))); // later nobody listens
    setInterval(() => {
      if (socket.readyState !== socket.OPEN) return;
      const to = `slow-reader-${(n + written) % readers}`;
      socket.send(JSON.stringify({ type: 'msg:R', id: `${n}-${written++}`, to, body: BODY }));
      count('messages');
      if (written === WARM_UP) warm();
    }, PAUSE_MS);
  });
}
