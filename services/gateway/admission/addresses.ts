import type { IncomingHttpHeaders } from 'node:http';
import { BlockList, isIP, SocketAddress } from 'node:net';

/**
 * Addresses and networks (`10.0.0.0/8`, `2001:db8::1`), separated by commas.
 *
 * @returns undefined when one of them is neither
 */
export function parseNetworks(text: string): BlockList | undefined {
  const networks = new BlockList();
  for (const item of text.split(',').map((part) => part.trim())) {
    const [address = '', bits, ...rest] = item.split('/');
    const family = isIP(address);
    const most = family === 4 ? 32 : 128;
    const prefix = bits === undefined ? most : Number(bits);
    const readable = family !== 0 && rest.length === 0 && (bits === undefined || /^\d{1,3}$/.test(bits));
    if (!readable || prefix > most) return undefined;
    networks.addSubnet(address, prefix, family === 4 ? 'ipv4' : 'ipv6');
  }
  return networks;
}

/** What a request tells of its client. */
export interface Asked {
  socket: { readonly remoteAddress?: string | undefined };
  headers: IncomingHttpHeaders;
}

/**
 * What the limits by address count as one client: an IPv4 address, or the /64 of an IPv6 one, since that is the least that
 * one customer gets and may choose addresses from.
 */
export class ClientAddresses {
  readonly #proxies: BlockList | undefined;

  /** @param proxies whose word counts: load balancers of ours */
  constructor(proxies: BlockList | undefined) {
    this.#proxies = proxies;
  }

  /**
   * X-Forwarded-For counts only from a trusted proxy. It is read from the right, where proxies of ours wrote; what stands
   * left of the first address that is not theirs is the client's own invention. Unreadable: the proxy itself.
   */
  of(request: Asked): string {
    return addressGroup(this.client(request));
  }

  /** The same address in full. */
  client({ socket, headers }: Asked): string {
    const peer = socket.remoteAddress ?? '';
    const { 'x-forwarded-for': forwarded = [] } = headers;
    let client = peer;
    for (const hop of [forwarded].flat().join(',').split(',').toReversed()) {
      if (!this.trusts(client)) break;
      const address = parseHop(hop.trim());
      if (address === undefined) return peer;
      client = address;
    }
    return client;
  }

  trusts(address: string): boolean {
    const family = isIP(address);
    return family !== 0 && this.#proxies?.check(address, family === 4 ? 'ipv4' : 'ipv6') === true;
  }
}

/** The address in one element of X-Forwarded-For; some proxies add the port. */
function parseHop(hop: string): string | undefined {
  const [, bracketed, plain] = /^\[([^\]]+)\](?::\d+)?$|^([\d.]+):\d+$/.exec(hop) ?? [];
  const address = bracketed ?? plain ?? hop;
  return isIP(address) === 0 ? undefined : address;
}

/** What counts as one address. */
export function addressGroup(address: string): string {
  if (isIP(address) !== 6) return address;
  const [plain = ''] = address.split('%'); // without the zone
  const { address: canonical } = new SocketAddress({ address: plain, family: 'ipv6' });
  const [, mapped] = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(canonical) ?? [];
  if (mapped !== undefined) return mapped; // an IPv4 client on an IPv6 socket
  const [head = '', tail] = canonical.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? 0 : 8 - left.length - right.length;
  return `${[...left, ...Array<string>(zeros).fill('0'), ...right].slice(0, 4).join(':')}::/64`;
}
