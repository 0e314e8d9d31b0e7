import type { Duplex } from 'node:stream';
import { countRefusal, type Refusal } from '../metrics.ts';

/** Why somebody did not get in before there was a WebSocket, and the HTTP status that says so. */
const STATUS = {
  path: '404 Not Found',
  subprotocol: '400 Bad Request',
  origin: '403 Forbidden',
  draining: '503 Service Unavailable',
  bad_request: '400 Bad Request',
  header_bytes: '431 Request Header Fields Too Large',
  request_timeout: '408 Request Timeout',
} as const satisfies Partial<Record<Refusal, string>>;

/** What an upgrade can be refused for. */
export type RefusedUpgrade = 'path' | 'draining' | 'origin' | 'subprotocol';

/** Refuses a request, and ends its socket whatever the client does. */
export function refuse(socket: Duplex, reason: keyof typeof STATUS): void {
  countRefusal(reason);
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  socket.once('finish', () => socket.destroy()); // it is not the HTTP server's any more
  socket.end(`HTTP/1.1 ${STATUS[reason]}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}
