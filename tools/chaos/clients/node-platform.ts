import { join } from 'node:path';
import { LevelStorage } from '#libs/client/storage/level.ts';
import { tappedSocket } from '../../testkit/tapped-socket.ts';
import type { Platform } from './platform.ts';

/** Clients on Node, with their storages in a folder. */
export const nodePlatform = (folder: string): Platform => ({
  storage: (name) => Object.assign(new LevelStorage(join(folder, name)), { name }),
  written: () => Promise.resolve(), // at once
  socket: (tap) =>
    tappedSocket({
      opened: (socket) => {
        tap.opened(socket);
        socket.on('close', (code: number) => tap.closed(socket, code));
      },
      packet: (direction, packet, socket) => {
        tap.packet(direction, packet, socket);
        return true;
      },
    }),
});
