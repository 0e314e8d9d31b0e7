import type { SocketConstructor, SocketLike } from '@sixfold/client';
import type { Direction, Packet } from '../model/wire.ts';

/** Decides what a person's sockets do, and sees each packet. */
export interface Wire {
  /** Called for each packet when it is on its way. @returns false: it is lost */
  passes(direction: Direction, packet: Packet, url: string): boolean;
  offline(): boolean;
  delayMs(): number;
  /** The socket opens and closes with its network. @returns a function that forgets it */
  register(cut: () => void): () => void;
}

type Listener = (event: never) => void;

const ABNORMAL = 1006;

/** A WebSocket class for the client, on a network that can be bad. */
export const faultySocket = (wire: Wire): SocketConstructor =>
  class extends FaultySocket {
    constructor(url: string, protocols: string[]) {
      super(wire, url, protocols);
    }
  };

class FaultySocket implements SocketLike {
  readonly #wire: Wire;
  readonly #listeners: Record<string, Listener[]> = { open: [], error: [], message: [], close: [] };
  readonly #url: string;
  readonly #socket: WebSocket | undefined;
  readonly #forget: () => void;
  #isOver = false;
  /** When the last delayed packet arrives, by direction: none overtakes another. */
  readonly #busyUntil: Record<Direction, number> = { in: 0, out: 0 };

  constructor(wire: Wire, url: string, protocols: string[]) {
    this.#wire = wire;
    this.#url = url;
    this.#forget = wire.register(() => this.#cut());
    if (wire.offline()) {
      setTimeout(() => this.#cut());
      return;
    }
    const socket = new WebSocket(url, protocols);
    this.#socket = socket;
    socket.addEventListener('open', () => this.#tell('open', {}));
    socket.addEventListener('error', () => this.#tell('error', {}));
    socket.addEventListener('message', ({ data }) => this.#later('in', () => this.#came(String(data))));
    socket.addEventListener('close', ({ code, reason }) => this.#over(code, reason));
  }

  addEventListener(type: 'open' | 'error' | 'message' | 'close', run: Listener): void {
    this.#listeners[type]?.push(run);
  }

  send(text: string): void {
    if (!this.#wire.passes('out', JSON.parse(text) as Packet, this.#url)) return;
    this.#later('out', () => {
      if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(text);
    });
  }

  close(code?: number, reason?: string): void {
    this.#socket?.close(code, reason);
  }

  #came(data: string): void {
    if (this.#wire.passes('in', JSON.parse(data) as Packet, this.#url)) this.#tell('message', { data });
  }

  #later(direction: Direction, run: () => void): void {
    const now = performance.now();
    const at = Math.max(this.#busyUntil[direction], now + this.#wire.delayMs());
    this.#busyUntil[direction] = at;
    if (at <= now) run();
    else setTimeout(() => !this.#isOver && run(), at - now);
  }

  /** The network is gone. */
  #cut(): void {
    this.#tell('error', {});
    this.#over(ABNORMAL, 'the network is gone');
    this.#socket?.close();
  }

  #over(code: number, reason: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#forget();
    for (const run of this.#listeners['close'] ?? []) run({ code, reason } as never);
  }

  #tell(type: string, event: object): void {
    if (this.#isOver) return;
    for (const run of this.#listeners[type] ?? []) run(event as never);
  }
}
