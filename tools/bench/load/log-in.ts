import { LoadSocket } from './socket.ts';
import { readPacket } from './packets.ts';

/**
 * Connects and logs in, again for as long as the login is `unavailable`, as every client does.
 * @throws Error when the gateway gives any other answer
 */
export async function logIn(url: string, token: string): Promise<LoadSocket> {
  const socket = await LoadSocket.open(url);
  const login = `{"type":"login:R","token":"${token}"}`;
  await new Promise<void>((resolve, reject) => {
    socket.onEnd = (why) => reject(new Error(`a login: ${why}`));
    socket.onText = (chunk, from, to) => {
      const text = chunk.slice(from, to);
      if (readPacket(chunk, from, to).type === 'login:A') resolve();
      else if (text.includes('"code":"unavailable"')) socket.send(login);
      else reject(new Error(`a login was answered by ${text}`));
    };
    socket.send(login);
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
