import { demand } from '../client-packets.ts';
import type { SocketConstructor } from './socket.ts';

/** The browser's WebSocket. @throws TypeError where there is none */
export function platformWebSocket(): SocketConstructor {
  const { WebSocket } = globalThis as { WebSocket?: SocketConstructor };
  demand(WebSocket !== undefined, 'WebSocket: is missing here');
  return WebSocket;
}
