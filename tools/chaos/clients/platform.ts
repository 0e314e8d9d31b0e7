import type { SocketConstructor } from '#libs/client/index.ts';
import type { TabsOptions } from '#libs/client/tabs/tabs.ts';
import type { Packet } from '../../testkit/tapped-socket.ts';

/** A connection of a client. */
export interface Socket {
  readonly readyState: number;
  /** Breaks it. A browser cannot. */
  terminate?(): void;
}

/** Sees the connections of a client. */
export interface SocketTap {
  opened(socket: Socket): void;
  closed(socket: Socket, code: number): void;
  /** Called for each packet before anyone acts on it. */
  packet(direction: 'in' | 'out', packet: Packet, socket: Socket): void;
}

/** What clients run on: Node, or a browser's page. */
export interface Platform {
  /** A storage that outlives the program, by its name. */
  storage(name: string): TabsOptions['storage'];
  /** A class of WebSocket that shows everything to `tap`. */
  socket(tap: SocketTap): SocketConstructor;
  /**
   * Resolves when everything so far is recorded. What a client or its application does (a packet, a write, the end
   * of a handler) waits for it: one that goes, however suddenly, has done nothing that is not.
   */
  written(): Promise<void>;
}
