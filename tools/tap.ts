import type { SocketConstructor, SocketLike } from '#libs/client/index.ts';

/** A packet as it passes. */
export interface Passing {
  readonly direction: 'out' | 'in';
  readonly type: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** Looks at every packet; returns false to let it get lost. */
export type Tap = (packet: Passing) => boolean;

function read(direction: Passing['direction'], data: unknown): Passing {
  const fields = JSON.parse(String(data)) as Record<string, unknown>;
  return { direction, type: String(fields['type']), fields };
}

/** A WebSocket that shows every packet to `tap` on its way. Nothing else about it is different. */
export function tapped(Base: SocketConstructor, tap: Tap): SocketConstructor {
  return class implements SocketLike {
    readonly #socket: SocketLike;

    constructor(url: string, protocols: string[]) {
      this.#socket = new Base(url, protocols);
    }

    addEventListener(type: 'open' | 'error' | 'message' | 'close', run: (event: never) => void): void {
      if (type !== 'message') {
        this.#socket.addEventListener(type as 'open', run as () => void);
        return;
      }
      const show = run as (event: { readonly data: unknown }) => void;
      this.#socket.addEventListener('message', (event) => {
        if (tap(read('in', event.data))) show(event);
      });
    }

    send(text: string): void {
      if (tap(read('out', text))) this.#socket.send(text);
    }

    close(code?: number, reason?: string): void {
      this.#socket.close(code, reason);
    }
  };
}
