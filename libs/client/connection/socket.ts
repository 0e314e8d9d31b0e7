/** What the client needs of a WebSocket: the browsers' one, Node's own and that of `ws` have it. */
export interface SocketLike {
  addEventListener(type: 'open' | 'error', run: () => void): void;
  addEventListener(type: 'message', run: (event: { readonly data: unknown }) => void): void;
  addEventListener(
    type: 'close',
    run: (event: { readonly code: number; readonly reason: string }) => void,
  ): void;
  send(text: string): void;
  close(code?: number, reason?: string): void;
}

export type SocketConstructor = new (url: string, protocols: string[]) => SocketLike;

/** PROTOCOL: transport. */
export const SUBPROTOCOL = 'sixfold.v1';

/** Close codes of the WebSocket protocol that the client uses or sees. */
export const CLOSE_NORMAL = 1000;
export const CLOSE_ABNORMAL = 1006;

/** The platform's own WebSocket. @throws TypeError where there is none */
export function platformWebSocket(): SocketConstructor {
  const { WebSocket } = globalThis as { WebSocket?: SocketConstructor };
  if (!WebSocket) throw new TypeError('no WebSocket here: pass one as the option WebSocket');
  return WebSocket;
}
