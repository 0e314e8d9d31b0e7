import type { IncomingMessage } from 'node:http';
import { SUBPROTOCOL } from '#libs/protocol/limits.ts';

const PATH = '/ws';
const VERSION = '13';
/** RFC 6455, 4.2.1: a key is 16 bytes in Base64. */
const KEY = /^[+/0-9A-Za-z]{22}==$/;

/** What can be wrong about the request itself. */
export type UpgradeFault = 'http_version' | 'bad_upgrade' | 'path' | 'method' | 'version' | 'subprotocol';

/**
 * Why a request cannot become a WebSocket (RFC 6455, 4.2.1); undefined when it can. Strict where a proxy in front could
 * read a request in another way than we do: one Host, and no body, since what follows is frames.
 */
export function upgradeFault(request: Pick<IncomingMessage, Used>): UpgradeFault | undefined {
  const { method, url = '', httpVersion, headers, headersDistinct } = request;
  if (httpVersion !== '1.1') return 'http_version';
  if (headersDistinct['host']?.length !== 1 || hasBody(headers)) return 'bad_upgrade';
  if (url.split('?')[0] !== PATH) return 'path';
  if (method !== 'GET') return 'method';
  if (headers.upgrade?.toLowerCase() !== 'websocket') return 'bad_upgrade';
  if (headers['sec-websocket-version'] !== VERSION) return 'version';
  if (!KEY.test(headers['sec-websocket-key'] ?? '')) return 'bad_upgrade';
  return offersOurs(headers['sec-websocket-protocol']) ? undefined : 'subprotocol';
}

type Used = 'method' | 'url' | 'httpVersion' | 'headers' | 'headersDistinct';

function hasBody(headers: IncomingMessage['headers']): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) !== 0;
}

/** A client need not offer a subprotocol; one that offers only others cannot talk to us (PROTOCOL: transport). */
function offersOurs(offered: string | undefined): boolean {
  if (offered === undefined) return true;
  const names = offered.split(',').map((name) => name.trim());
  return names.includes(SUBPROTOCOL) && new Set(names).size === names.length && !names.includes('');
}
