import { type BlockList, isIP } from 'node:net';
import { isLoopbackHost } from '#libs/runtime/loopback.ts';
import type { Asked, ClientAddresses } from '../admission/addresses.ts';

export interface DemoPeers {
  networks: BlockList;
  /** Then a page of another name must not reach us by a DNS entry that points to this machine. */
  loopbackOnly: boolean;
}

/** May this client have demo tokens? */
export function isDemoPeer(request: Asked, addresses: ClientAddresses, peers: DemoPeers): boolean {
  if (peers.loopbackOnly && !isLoopbackHost(request.headers.host)) return false;
  const address = addresses.client(request).replace(/^::ffff:(?=\d+\.)/i, '');
  const family = isIP(address);
  return family !== 0 && peers.networks.check(address, family === 4 ? 'ipv4' : 'ipv6');
}
