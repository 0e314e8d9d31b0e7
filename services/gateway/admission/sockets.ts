import type { Server, ServerOptions } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { countRefusal, type Refusal } from '../metrics.ts';
import { type ClientAddresses, addressGroup } from './addresses.ts';
import { refuse } from './refusals.ts';
import { KeyedCounter } from './keyed-counter.ts';

/** What a socket may take that holds no client. */
export const SOCKET_LIMITS = {
  /** Sockets: not upgraded yet, refused, closing, or asking for metrics. */
  maxSockets: 10_000,
  /** HTTP header, all lines together; Node's own default. */
  maxHeaderBytes: 16_384,
  /** From the connect, or the first byte, to the last byte of a header, of a request that becomes a WebSocket too. */
  headerTimeoutMs: 10_000,
  /** The same to the last byte of a body. Requests that read theirs have a shorter limit of their own. */
  requestTimeoutMs: 60_000,
  /** Silence: before the first request, between two, or with an answer that the client does not read. */
  idleTimeoutMs: 5_000,
};

export type SocketLimits = typeof SOCKET_LIMITS;

/** How late a request that takes too long may be noticed, milliseconds. */
const CHECK_MS = 500;

/** What Node's HTTP server bounds by itself. */
export function httpLimits(limits: SocketLimits): ServerOptions {
  return {
    maxHeaderSize: limits.maxHeaderBytes,
    headersTimeout: limits.headerTimeoutMs,
    requestTimeout: limits.requestTimeoutMs,
    connectionsCheckingInterval: CHECK_MS,
    keepAliveTimeout: limits.idleTimeoutMs,
  };
}

/** Requests that are read or answered, other than upgrades. */
export interface Requests {
  /** Answers the request of a socket that nothing can be read from any more. @returns false: there is none */
  fail(socket: Duplex, fault: 'bad_request' | 'request_timeout'): boolean;
}

/** Sockets that one address may have for each WebSocket: the others are on their way in or out, or ask for metrics. */
const SOCKETS_PER_CONNECTION = 2;

/**
 * Bounds the sockets that hold no client: not upgraded yet, refused, closing, or of a metrics scrape. There
 * is no client to answer yet, so sockets beyond a limit are destroyed.
 *
 * @param clients admitted clients
 * @param requests told of a socket whose request breaks off
 */
export function limitSockets(
  server: Server,
  limits: SocketLimits & { maxConnectionsPerAddress: number },
  addresses: ClientAddresses,
  clients: { readonly size: number },
  requests: Requests = NO_REQUESTS,
): void {
  const perAddress = limits.maxConnectionsPerAddress * SOCKETS_PER_CONNECTION;
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
    else if (open - clients.size > limits.maxSockets) cut(socket, 'http_connections');
  });
  server.setTimeout(limits.idleTimeoutMs, (socket) => cut(socket, 'idle'));
  server.on('clientError', (fault: Error & { code?: string }, socket) =>
    refuseFault(fault, socket, requests),
  );
}

const NO_REQUESTS: Requests = { fail: () => false };

function cut(socket: Duplex, reason: Refusal): void {
  countRefusal(reason);
  socket.destroy();
}

/** What went wrong before there was a request: in the TLS handshake, or in the HTTP that was read so far. */
function refuseFault({ code = '' }: { code?: string }, socket: Duplex, requests: Requests): void {
  const reason = code === 'ERR_HTTP_REQUEST_TIMEOUT' ? 'request_timeout' : 'bad_request';
  if (requests.fail(socket, reason)) {
    countRefusal(reason);
    return;
  }
  if (code === 'HPE_HEADER_OVERFLOW') refuse(socket, 'header_bytes');
  else if (code === 'ERR_HTTP_REQUEST_TIMEOUT') refuse(socket, 'request_timeout');
  else if (code.startsWith('HPE_')) refuse(socket, 'bad_request');
  else if (code === 'ERR_TLS_HANDSHAKE_TIMEOUT') cut(socket, 'tls_timeout');
  else if (/^(ERR_SSL|ERR_TLS|EPROTO)/.test(code)) cut(socket, 'tls');
  else socket.destroy(); // it is gone by itself
}
