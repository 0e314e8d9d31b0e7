import type { Server, ServerOptions } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { GatewayConfig } from '../config.ts';
import { countRefusal, type Refusal } from '../metrics.ts';
import { type ClientAddresses, addressGroup } from './addresses.ts';
import { refuse } from './refusals.ts';
import { KeyedCounter } from './keyed-counter.ts';

type Limits = Pick<
  GatewayConfig,
  'MAX_HTTP_CONNECTIONS' | 'MAX_CONNECTIONS_PER_ADDRESS' | 'HTTP_IDLE_TIMEOUT_MS'
>;

/** How late a request that takes too long may be noticed, milliseconds. */
const CHECK_MS = 500;

/** What Node's HTTP server bounds by itself. */
export function httpLimits(
  config: Pick<GatewayConfig, 'MAX_HEADER_BYTES' | 'REQUEST_TIMEOUT_MS' | 'HTTP_IDLE_TIMEOUT_MS'>,
): ServerOptions {
  return {
    maxHeaderSize: config.MAX_HEADER_BYTES,
    headersTimeout: config.REQUEST_TIMEOUT_MS,
    requestTimeout: config.REQUEST_TIMEOUT_MS,
    connectionsCheckingInterval: CHECK_MS,
    keepAliveTimeout: config.HTTP_IDLE_TIMEOUT_MS,
  };
}

/** Sockets that one address may have for each WebSocket: the others are on their way in or out, or ask for metrics. */
const SOCKETS_PER_CONNECTION = 2;

/**
 * Bounds the sockets that hold no client: not upgraded yet, refused, closing, or of a metrics scrape. There
 * is no client to answer yet, so sockets beyond a limit are destroyed.
 *
 * @param clients admitted clients
 */
export function limitSockets(
  server: Server,
  limits: Limits,
  addresses: ClientAddresses,
  clients: { readonly size: number },
): void {
  const perAddress = limits.MAX_CONNECTIONS_PER_ADDRESS * SOCKETS_PER_CONNECTION;
  const byAddress = new KeyedCounter();
  let open = 0;
  server.on('connection', (socket: Socket) => {
    const { remoteAddress: peer = '' } = socket;
    const address = addressGroup(peer);
    open++;
    byAddress.add(address);
    socket.once('close', () => {
      open--;
      byAddress.remove(address);
    });
    // Behind a proxy all sockets have one address; only the request names the client.
    const many = perAddress > 0 && byAddress.of(address) > perAddress && !addresses.trusts(peer);
    if (many) cut(socket, 'connections_per_address');
    else if (open - clients.size > limits.MAX_HTTP_CONNECTIONS) cut(socket, 'http_connections');
  });
  server.setTimeout(limits.HTTP_IDLE_TIMEOUT_MS, (socket) => cut(socket, 'idle'));
  server.on('clientError', refuseFault);
}

function cut(socket: Duplex, reason: Refusal): void {
  countRefusal(reason);
  socket.destroy();
}

/** What went wrong before there was a request: in the TLS handshake, or in the HTTP that was read so far. */
function refuseFault(fault: Error & { code?: string }, socket: Duplex): void {
  const { code = '' } = fault;
  if (code === 'HPE_HEADER_OVERFLOW') refuse(socket, 'header_bytes');
  else if (code === 'ERR_HTTP_REQUEST_TIMEOUT') refuse(socket, 'request_timeout');
  else if (code.startsWith('HPE_')) refuse(socket, 'bad_request');
  else if (code === 'ERR_TLS_HANDSHAKE_TIMEOUT') cut(socket, 'tls_timeout');
  else if (/^(ERR_SSL|ERR_TLS|EPROTO)/.test(code)) cut(socket, 'tls');
  else socket.destroy(); // it is gone by itself
}
