import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';

/** Where one or more processes serve their metrics. */
export interface Target {
  /** As the operator calls it; else the host. */
  name: string;
  url: URL;
}

/** One process. */
export interface Part {
  name: string;
  /** Base address, without a DNS name. */
  http: string;
}

/** Most processes that are asked. */
const MAX_PARTS = 500;

/** Reads `http://gateway:8080,routing-1=http://10.0.0.1:8080`. @returns undefined when it cannot be read */
export function targetsOf(text: string): Target[] | undefined {
  const targets: Target[] = [];
  for (const item of text.split(',').map((one) => one.trim())) {
    if (item === '') continue;
    const [, name, address = ''] = /^(?:([\w.-]+)=)?(.*)$/.exec(item) ?? [];
    const url = URL.parse(address);
    if (!url || !/^https?:$/.test(url.protocol) || url.username || url.pathname !== '/') return undefined;
    targets.push({ name: name ?? url.hostname, url });
  }
  return targets;
}

/** Every address of a name. */
export type Resolve = (host: string) => Promise<string[]>;

const byDns: Resolve = async (host) => (await lookup(host, { all: true })).map(({ address }) => address);

/** The processes behind the targets. A name without an address is a process that cannot be reached. */
export async function partsOf(targets: readonly Target[], resolve: Resolve = byDns): Promise<Part[]> {
  const found = await Promise.all(targets.map((target) => partsBehind(target, resolve)));
  return found.flat().slice(0, MAX_PARTS);
}

async function partsBehind({ name, url }: Target, resolve: Resolve): Promise<Part[]> {
  const host = url.hostname.replace(/^\[(.+)\]$/, '$1');
  if (isIP(host) !== 0) return [{ name, http: url.origin }];
  const addresses = await resolve(host).catch(() => []);
  if (addresses.length === 0) return [{ name, http: url.origin }];
  return addresses.toSorted().map((address) => {
    const shown = isIP(address) === 6 ? `[${address}]` : address;
    const http = `${url.protocol}//${shown}${url.port === '' ? '' : `:${url.port}`}`;
    return { name: addresses.length === 1 ? name : `${name} ${address}`, http };
  });
}
