import { InvalidArgumentError } from 'commander';

const SCHEMES: Readonly<Record<string, string>> = {
  'ws:': 'ws:',
  'wss:': 'wss:',
  'http:': 'ws:',
  'https:': 'wss:',
};

/** The WebSocket address of a gateway from what people write: with or without a scheme, `http://` too, without `/ws`. */
export function gatewayUrl(text: string): string {
  const full = text.includes('://') ? text : `ws://${text}`;
  const url = URL.canParse(full) ? new URL(full) : undefined;
  const scheme = url && SCHEMES[url.protocol];
  if (!url || scheme === undefined || url.hostname === '')
    throw new InvalidArgumentError(`"${text}" is no address of a gateway, such as wss://chat.example/ws.`);
  if (url.username !== '' || url.password !== '')
    throw new InvalidArgumentError('A gateway takes a token, not a name and password in its address.');
  const path = url.pathname === '/' ? '/ws' : url.pathname;
  return `${scheme}//${url.host}${path}${url.search}`;
}

/** The address for HTTP of a gateway with this WebSocket address, without a path. */
export function httpUrl(gateway: string): string {
  const { protocol, host } = new URL(gateway);
  return `${protocol === 'wss:' ? 'https:' : 'http:'}//${host}`;
}
