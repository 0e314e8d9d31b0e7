import { LoadSocket } from './socket.ts';
import { readPacket } from './packets.ts';

/** Connects and logs in. @throws Error when the gateway does not answer with login:A */
export async function logIn(url: string, token: string): Promise<LoadSocket> {
  const socket = await LoadSocket.open(url);
  await new Promise<void>((resolve, reject) => {
    socket.onEnd = (why) => reject(new Error(`a login: ${why}`));
    socket.onText = (chunk, from, to) => {
      if (readPacket(chunk, from, to).type === 'login:A') resolve();
      else reject(new Error(`a login was answered by ${chunk.slice(from, to)}`));
    };
    socket.send(`{"type":"login:R","token":"${token}"}`);
  });
  return socket;
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
