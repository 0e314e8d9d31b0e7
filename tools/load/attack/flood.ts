import { setTimeout as delay } from 'node:timers/promises';
import { logInAs, type Target } from '../clients/log-in.ts';
import { LoadSocket } from '../clients/socket.ts';
import type { Attack, Count } from './attack.ts';

const LARGE = 60_000;

interface Kind {
  frame: (n: number) => string;
  /** Default: it logs in, and reads. */
  login?: false;
  reads?: false;
}

/** What is sent without end; `n` counts. All of them exceed the rate limit. */
const KINDS: readonly Kind[] = [
  {
    frame: (n) =>
      JSON.stringify({ type: 'msg:R', id: String(n), to: `nobody-${n % 10}`, body: 'x'.repeat(100) }),
  },
  { frame: () => '{"type":"ping"}', reads: false },
  { frame: () => '{"type":"msg:R","id":' },
  { frame: () => `{"type":"x","a":[${'1,'.repeat(LARGE / 2)}1]}` },
  { frame: () => '['.repeat(LARGE) },
  { frame: (n) => JSON.stringify({ type: `t${n}`, [`k${n}`]: n }) },
  { frame: () => '{"type":"login:R","token":"x.y.z"}', login: false },
  { frame: (n) => `{"type":"login:R","token":"x.y.${n}"}` },
];

/** Frames that are handed to the socket in one go, and the bytes that may wait there. */
const BURST = 100;
const WAITING = 512 * 1024;
/** Pause before a flooder that was thrown out comes back, milliseconds. */
const AGAIN_MS = 100;

/** Clients that send as fast as they can, and come back at once when they are thrown out. */
export const flood: Attack = async ({ target, attackers }, count) => {
  const all = Array.from(
    { length: attackers },
    (_, n) => new Promise<void>((thrownOut) => void flooder(target, n, count, thrownOut)),
  );
  await Promise.all(all);
};

/** @param thrownOut called each time that it is */
async function flooder(target: Target, n: number, count: Count, thrownOut: () => void): Promise<never> {
  const kind = KINDS[n % KINDS.length];
  if (!kind) throw new Error('there are kinds');
  const { frame, login = true, reads = true } = kind;
  for (let sent = 0; ;) {
    try {
      const socket = await (login
        ? logInAs(target, `flooder-${n}`, 0, { tries: 1 })
        : LoadSocket.open(target.urls[0] ?? ''));
      count('connections');
      socket.onText = () => undefined;
      if (!reads) socket.pause();
      while (socket.isOpen) {
        for (let burst = 0; burst < BURST && socket.waiting < WAITING; burst++) {
          socket.send(frame(sent++));
          count('frames');
        }
        await delay(1);
      }
      thrownOut();
    } catch {
      count('refused');
    }
    await delay(AGAIN_MS);
  }
}
