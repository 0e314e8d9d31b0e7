import { setTimeout as delay } from 'node:timers/promises';
import { logInAs, type Target } from '../clients/log-in.ts';
import type { Attack, Count } from './attack.ts';

/** Length of a message's body. */
export const BODY_BYTES = 16_384;
const BODY = 'x'.repeat(BODY_BYTES);
/** Pause between two messages of a writer, milliseconds: far below the rate limit. */
const PAUSE_MS = 100;
/** Writers for each reader. */
const WRITERS = 4;
/** The attack is at full strength when each writer has written this many, however slow the machine. */
const WARM_UP = 16;

/** Clients that log in and then never read, while others write to them as fast as they may. */
export const slowReaders: Attack = async ({ target, attackers }, count) => {
  const numbers = Array.from({ length: attackers }, (_, n) => n);
  const readers = numbers.slice(0, Math.ceil(attackers / WRITERS));
  await Promise.all(readers.map((n) => read(target, n, count)));
  await Promise.all(numbers.map((n) => write(target, n, readers.length, count)));
};

/** When it is disconnected it comes back, and reads no more than before. */
async function read(target: Target, n: number, count: Count): Promise<void> {
  try {
    const socket = await logInAs(target, `slow-reader-${n}`, 0, { tries: 1 });
    socket.pause();
    count('readers');
    socket.onEnd = () => {
      count('readers let go');
      void read(target, n, count);
    };
  } catch {
    await delay(500);
    await read(target, n, count);
  }
}

async function write(target: Target, n: number, readers: number, count: Count): Promise<void> {
  const socket = await logInAs(target, `writer-${n}`);
  socket.onText = () => undefined;
  let written = 0;
  await new Promise<void>((warm, fail) => {
    socket.onEnd = () => fail(new Error('a writer was disconnected')); // later nobody listens
    setInterval(() => {
      if (!socket.isOpen) return;
      const to = `slow-reader-${(n + written) % readers}`;
      socket.send(JSON.stringify({ type: 'msg:R', id: `${n}-${written++}`, to, body: BODY }));
      count('messages');
      if (written === WARM_UP) warm();
    }, PAUSE_MS);
  });
}
