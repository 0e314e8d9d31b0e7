/** The part of a WebSocket that the client uses. The browser's, Node's and that of `ws` have it. */
export interface SocketLike {
  /** As in the WebSocket standard; no other properties of the events are used. */
  addEventListener(type: 'open' | 'error', run: () => void): void;
  addEventListener(type: 'message', run: (event: { readonly data: unknown }) => void): void;
  addEventListener(
    type: 'close',
    run: (event: { readonly code: number; readonly reason: string }) => void,
  ): void;
  /** Sends one text frame. */
  send(text: string): void;
  /** Begins the closing handshake. */
  close(code?: number, reason?: string): void;
  /**
   * Ends the TCP connection at once, where the platform can: `ws` has it, and the client adds it to Node's. A browser does
   * not need it.
   */
  terminate?(): void;
}

/** A WebSocket class, such as the platform's or that of `ws`. */
export type SocketConstructor = new (url: string, protocols: string[]) => SocketLike;

/** PROTOCOL: transport. */
export const SUBPROTOCOL = 'sixfold.v1';

/** Close codes of the WebSocket protocol that the client uses or sees. */
export const CLOSE_NORMAL = 1000;
export const CLOSE_ABNORMAL = 1006;
