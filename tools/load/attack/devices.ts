import { setTimeout as delay } from 'node:timers/promises';
import { inParallel, logInAs, type Target } from '../clients/log-in.ts';
import type { LoadSocket } from '../clients/socket.ts';
import type { Attack } from './attack.ts';
import { RECEIVERS } from './lists.ts';

/** The most synced devices that a user may have by default (MAX_DEVICES). */
export const DEVICES = 10;
/** Length of a message's body. */
export const BODY_BYTES = 1_024;
const BODY = 'x'.repeat(BODY_BYTES);
const LOGINS_AT_ONCE = 50;
/** Messages that a writer has under way, and its pause after a refused one, milliseconds. */
const OUTSTANDING = 32;
const PAUSE_MS = 100;
/** The attack is at full strength when this many lists were accepted. */
const WARM_UP = 5;

/**
 * One user with as many synced devices as may be, which never answer, is written to as fast as the gateway takes it; and
 * so is the longest list of users with as many devices, which are away.
 */
export const devices: Attack = async ({ target, connections }, count) => {
  const users = Math.min(RECEIVERS, Math.floor(connections / DEVICES));
  const list = Array.from({ length: users }, (_, n) => `many-${n}`);
  await inParallel(users * DEVICES, LOGINS_AT_ONCE, async (n) => {
    (await logInDevice(target, list[n % users] ?? '', Math.floor(n / users))).close();
    count('devices away');
  });
  for (let n = 0; n < DEVICES; n++) {
    const socket = await logInDevice(target, 'mute', n);
    socket.onText = (chunk, from, to) => {
      if (chunk.slice(from, to).startsWith('{"type":"msg:N"')) count('copies to devices that never answer');
    };
    count('devices that never answer');
  }
  void write(target, 'flooder-of-devices', 'mute', (type) =>
    count(type === 'msg:A' ? 'messages' : 'refused'),
  );
  await new Promise<void>((warm) => {
    let accepted = 0;
    void write(target, 'list-writer', list, (type) => {
      count(type === 'msg:A' ? 'lists' : 'refused');
      if (type === 'msg:A' && ++accepted === WARM_UP) warm();
    });
  });
};

const logInDevice = (target: Target, user: string, n: number): Promise<LoadSocket> =>
  logInAs(target, user, 0, { device: `d${n}`, sync: true });

/** Writes without end; when it is disconnected it comes back. @param told is called with `msg:A`, or `error` */
async function write(
  target: Target,
  user: string,
  to: string | string[],
  told: (type: 'msg:A' | 'error') => void,
): Promise<never> {
  for (let life = 0; ; life++) {
    const socket = await logInAs(target, user).catch(() => undefined);
    if (socket) await writeOn(socket, `${life}`, to, told);
    await delay(PAUSE_MS);
  }
}

/** Resolves when the connection ends. */
async function writeOn(
  socket: LoadSocket,
  tag: string,
  to: string | string[],
  told: (type: 'msg:A' | 'error') => void,
): Promise<void> {
  const fields = `"to":${JSON.stringify(to)},"body":"${BODY}"}`;
  let sent = 0;
  const send = () => socket.isOpen && socket.send(`{"type":"msg:R","id":"${tag}-${sent++}",${fields}`);
  socket.onText = (chunk, from, end) => {
    const text = chunk.slice(from, end);
    if (text.startsWith('{"type":"msg:A"')) {
      told('msg:A');
      send();
    } else if (text.startsWith('{"type":"error"')) {
      told('error');
      setTimeout(send, PAUSE_MS);
    }
  };
  await new Promise<void>((ended) => {
    socket.onEnd = () => ended();
    for (let n = 0; n < OUTSTANDING; n++) send();
  });
}
