/// <reference lib="dom" />
import { IndexedDbStorage } from '#libs/client/indexeddb/indexeddb.ts';
import type { SocketConstructor } from '#libs/client/index.ts';
import type { TabsOptions } from '#libs/client/tabs/tabs.ts';
import type { Packet } from '../../../testkit/tapped-socket.ts';
import type { Platform, SocketTap } from '../../clients/platform.ts';
import type { Journal } from './journal.ts';

type Written = Platform['written'];

/** Clients in a page. Its requests take time: packets, in both directions, and writes to the storage wait for the journal. */
export function pagePlatform(journal: Journal): Platform {
  const written = () => journal.written();
  return {
    storage: (name) => afterJournal(new IndexedDbStorage(name), written),
    socket: (tap) => tapped(tap, written),
    written,
  };
}

function afterJournal(storage: IndexedDbStorage, written: Written): TabsOptions['storage'] {
  let opened = 0;
  return {
    name: storage.name,
    load: (lost) => {
      opened++;
      return storage.load(lost);
    },
    write: async (changes, durability) => {
      const before = opened;
      await written();
      // The next client of this page may have opened it: a write of the last one must not get through.
      if (before !== opened) throw new Error('the storage was closed meanwhile');
      return storage.write(changes, durability);
    },
    seen: (names) => storage.seen(names),
    trimSeen: (keep) => storage.trimSeen(keep),
    close: () => {
      opened++;
      return storage.close();
    },
  };
}

const read = (data: unknown) => JSON.parse(String(data)) as Packet;

function tapped(tap: SocketTap, written: Written): SocketConstructor {
  return class extends WebSocket {
    constructor(url: string, protocols: string[]) {
      super(url, protocols);
      tap.opened(this);
      this.#hold('message', (event) => {
        tap.packet('in', read(event.data), this);
        return new MessageEvent('message', { data: event.data as unknown });
      });
      this.#hold('close', ({ code, reason }) => {
        tap.closed(this, code);
        return new CloseEvent('close', { code, reason });
      });
    }

    override send(text: string): void {
      tap.packet('out', read(text), this);
      void written().then(() => {
        if (this.readyState === WebSocket.OPEN) super.send(text);
      });
    }

    override close(code?: number, reason?: string): void {
      void written().then(() => super.close(code, reason));
    }

    /** The client gets another event in place of this one, as soon as it is on record. */
    #hold<K extends 'message' | 'close'>(
      type: K,
      note: (event: WebSocketEventMap[K]) => WebSocketEventMap[K],
    ): void {
      const ours = new WeakSet<Event>();
      // The first listener: it comes before the client's.
      this.addEventListener(type, (event) => {
        if (ours.has(event)) return;
        event.stopImmediatePropagation();
        const noted = note(event);
        ours.add(noted);
        void written().then(() => this.dispatchEvent(noted));
      });
    }
  };
}
