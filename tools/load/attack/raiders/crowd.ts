import type { WebSocket } from 'ws';
import { logIn, type Target } from '../client.ts';

/** Connections that are being opened at the same time. */
const AT_ONCE = 200;

/** Logs so many users in. One that is refused tries again: the gateway may be busy, or out of places for a moment. */
export async function logInMany(
  target: Target,
  names: readonly string[],
  refused: () => void,
): Promise<WebSocket[]> {
  const sockets: WebSocket[] = [];
  const left = [...names];
  const worker = async () => {
    for (let name = left.pop(); name !== undefined; name = left.pop())
      try {
        sockets.push(await logIn(target, name));
      } catch {
        refused();
        left.push(name);
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return sockets;
}
