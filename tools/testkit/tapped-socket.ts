import { WebSocket } from 'ws';

/** A packet as JSON, with its type. */
export type Packet = Readonly<Record<string, unknown>> & { readonly type: string };

export interface Tap {
  /** Called for each packet before anyone acts on it; false loses it. */
  packet(direction: 'in' | 'out', packet: Packet, socket: WebSocket): boolean;
  opened?(socket: WebSocket): void;
}

/** A class of WebSocket, for the client library, that shows each packet to `tap`. */
export function tappedSocket(tap: Tap) {
  const read = (data: unknown) => JSON.parse(String(data)) as Packet;
  return class extends WebSocket {
    constructor(url: string, protocols: string[]) {
      super(url, protocols);
      this.on('error', () => undefined); // 'close' follows
      tap.opened?.(this);
    }

    override emit(event: string | symbol, ...args: unknown[]): boolean {
      if (event === 'message' && !tap.packet('in', read(args[0]), this)) return false;
      return super.emit(event, ...args);
    }

    override send(text: string): void {
      if (tap.packet('out', read(text), this)) super.send(text);
    }
  };
}
