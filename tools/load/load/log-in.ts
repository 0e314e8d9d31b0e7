import { setTimeout as delay } from 'node:timers/promises';
import { LoadSocket } from './socket.ts';

/** A login that is `unavailable` is sent again, so often at most, after so long; its latency has all of it. */
const TRIES = 10;
const RETRY_MS = 500;

/**
 * Connects and logs in.
 * @throws Error when the gateway is unavailable all the time, or gives any other answer
 */
export async function logIn(url: string, token: string): Promise<LoadSocket> {
  const socket = await LoadSocket.open(url);
  for (let tries = 1; ; tries++) {
    const answer = await ask(socket, `{"type":"login:R","token":"${token}"}`);
    if (answer.includes('"type":"login:A"')) return socket;
    if (tries === TRIES || !answer.includes('"code":"unavailable"'))
      throw new Error(`a login was answered by ${answer}`);
    await delay(RETRY_MS);
  }
}

/** @returns the text of the next packet */
function ask(socket: LoadSocket, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    socket.onEnd = (why) => reject(new Error(`a login: ${why}`));
    socket.onText = (chunk, from, to) => resolve(chunk.slice(from, to));
    socket.send(text);
  });
}

/** Does `work` for 0 up to `count`, so many at a time. */
export async function inParallel(
  count: number,
  atOnce: number,
  work: (n: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  const one = async () => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, count) }, one));
}
