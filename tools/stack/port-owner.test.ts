import { once } from 'node:events';
import { createServer } from 'node:net';
import { expect, test } from 'vitest';
import { listeningInodes, portOwner, portTakenMessage } from './port-owner.ts';
import { freePort, isPortFree } from './ports.ts';

const TABLE = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0000 100 0 0 10 0
   1: 0100007F:1F90 0100007F:C001 01 00000000:00000000 00:00000000 00000000     0        0 4712 1 0000 20 4 30 10 -1
   2: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4713 1 0000 100 0 0 10 0`;

test('only sockets that listen on the port count, not connections through it', () => {
  expect(listeningInodes(TABLE, 8080)).toEqual(['4711']);
  expect(listeningInodes(TABLE, 22)).toEqual(['4713']);
  expect(listeningInodes(TABLE, 9999)).toEqual([]);
});

test('a taken port is not free, and its owner is named with what to do', async () => {
  const port = await freePort();
  const server = createServer().listen(port, '127.0.0.1');
  await once(server, 'listening');
  try {
    expect(await isPortFree(port)).toBe(false);
    expect(portOwner(port)).toBe(process.pid);
    expect(portTakenMessage(port, 'go away')).toMatch(
      new RegExp(`^Port ${port} is taken by pid ${process.pid} \\(.+\\). End it, or go away.$`),
    );
  } finally {
    server.close();
  }
  await once(server, 'close');
  expect(await isPortFree(port)).toBe(true);
});
