/// <reference lib="dom" />
import { IndexedDbStorage } from '#libs/client/indexeddb/indexeddb.ts';
import type { SocketConstructor } from '#libs/client/index.ts';
import type { Packet } from '../../../testkit/tapped-socket.ts';
import type { Platform, SocketTap } from '../../clients/platform.ts';

/** Clients in a page. */
export const pagePlatform: Platform = {
  storage: (name) => new IndexedDbStorage(name),
  socket: tapped,
};

const read = (data: unknown) => JSON.parse(String(data)) as Packet;

/** What cannot be written down, because the page goes, does not happen: nothing is sent, and the client gets nothing. */
function tapped(tap: SocketTap): SocketConstructor {
  return class extends WebSocket {
    constructor(url: string, protocols: string[]) {
      super(url, protocols);
      tap.opened(this);
      // The first listener: it comes before the client's.
      this.addEventListener('message', (event: MessageEvent<unknown>) => {
        try {
          tap.packet('in', read(event.data), this);
        } catch {
          event.stopImmediatePropagation();
        }
      });
      this.addEventListener('close', ({ code }) => tap.closed(this, code));
    }

    override send(text: string): void {
      tap.packet('out', read(text), this);
      super.send(text);
    }
  };
}
