import type { SocketConstructor } from './socket.ts';

/** The browser's WebSocket. @throws TypeError where there is none */
export function platformWebSocket(): SocketConstructor {
  const { WebSocket } = globalThis as { WebSocket?: SocketConstructor };
  if (!WebSocket) throw new TypeError('no WebSocket here: pass one as the option WebSocket');
  return WebSocket;
}
