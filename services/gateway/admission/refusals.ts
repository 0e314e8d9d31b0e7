import type { Duplex } from 'node:stream';
import { countRefusal, type Refusal } from '../metrics.ts';
import type { UpgradeFault } from './upgrade.ts';

/** Why somebody did not get in before there was a WebSocket, and the HTTP status that says so. */
const STATUS = {
  http_version: '505 HTTP Version Not Supported',
  bad_upgrade: '400 Bad Request',
  path: '404 Not Found',
  method: '405 Method Not Allowed',
  version: '426 Upgrade Required',
  subprotocol: '400 Bad Request',
  origin: '403 Forbidden',
  draining: '503 Service Unavailable',
  not_ready: '503 Service Unavailable',
  bad_request: '400 Bad Request',
  header_bytes: '431 Request Header Fields Too Large',
  request_timeout: '408 Request Timeout',
} as const satisfies Partial<Record<Refusal, string>>;

/** What belongs to some of them (RFC 9110, 15.5.6; RFC 6455, 4.2.2). */
const HEADERS: { [R in keyof typeof STATUS]?: string } = {
  method: 'Allow: GET\r\n',
  version: 'Sec-WebSocket-Version: 13\r\n',
};

/** What an upgrade can be refused for. */
export type RefusedUpgrade = UpgradeFault | 'draining' | 'not_ready' | 'origin';

/** Refuses a request, and ends its socket whatever the client does. */
export function refuse(socket: Duplex, reason: keyof typeof STATUS): void {
  countRefusal(reason);
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  socket.once('finish', () => socket.destroy()); // it is not the HTTP server's any more
  socket.end(
    `HTTP/1.1 ${STATUS[reason]}\r\nConnection: close\r\nContent-Length: 0\r\n${HEADERS[reason] ?? ''}\r\n`,
  );
}
