import type { SocketConstructor, Storage } from '#libs/client/index.ts';
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
  storage(name: string): Storage;
  /** A class of WebSocket that shows everything to `tap`. */
  socket(tap: SocketTap): SocketConstructor;
}
