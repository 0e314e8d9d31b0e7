import type { IncomingMessage, Server } from 'node:http';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import { SUBPROTOCOL } from '#libs/protocol/limits.ts';
import { Connection } from './connection.ts';
import { Corker } from './corker.ts';
import type { Gateway } from './gateway.ts';

const PATH = '/ws';
/** How long a client may take to answer a close, milliseconds; then its socket is destroyed. */
const CLOSE_TIMEOUT_MS = 2_000;

/** Refuses an upgrade before there is a WebSocket. */
function refuse(socket: Duplex, status: string): void {
  socket.once('finish', () => socket.destroy()); // whatever the client does: it is not the HTTP server's any more
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}

/** Takes WebSocket upgrades at /ws and makes connections of them. */
export class WebSocketEntrance {
  readonly #gateway: Gateway;
  readonly #corker = new Corker();
  readonly #wss: WebSocketServer;
  #open = true;

  constructor(server: Server, gateway: Gateway) {
    this.#gateway = gateway;
    // Not written in place: @types/ws 8.18 does not know closeTimeout yet.
    const options = {
      noServer: true,
      clientTracking: false,
      maxPayload: gateway.config.MAX_PACKET_BYTES,
      perMessageDeflate: false,
      closeTimeout: CLOSE_TIMEOUT_MS,
      handleProtocols: (offered: Set<string>) => (offered.has(SUBPROTOCOL) ? SUBPROTOCOL : (false as const)),
    };
    this.#wss = new WebSocketServer(options);
    server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) =>
      this.#upgrade(request, socket, head),
    );
  }

  /** No further connection from here on. */
  close(): void {
    this.#open = false;
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    // A client may vanish in the middle of the upgrade; without a listener its reset would end the process.
    const onError = () => socket.destroy();
    socket.on('error', onError);
    const [path] = (request.url ?? '').split('?');
    const offered = request.headers['sec-websocket-protocol'];
    if (path !== PATH) refuse(socket, '404 Not Found');
    else if (!this.#open) refuse(socket, '503 Service Unavailable');
    else if (offered !== undefined && !offered.split(',').some((name) => name.trim() === SUBPROTOCOL))
      refuse(socket, '400 Bad Request');
    else
      this.#wss.handleUpgrade(request, socket, head, (ws) => {
        socket.off('error', onError);
        if (socket instanceof Socket) this.#accept(ws, socket);
        else ws.terminate(); // only a TCP (or TLS) socket can come from an HTTP server
      });
  }

  #accept(ws: ConstructorParameters<typeof Connection>[0], socket: Socket): void {
    const gateway = this.#gateway;
    const { MAX_CONNECTIONS, MAX_SEND_BUFFER_BYTES, LOGIN_TIMEOUT_MS } = gateway.config;
    socket.setNoDelay(true);
    const limits = { maxSendBuffer: MAX_SEND_BUFFER_BYTES, loginTimeoutMs: LOGIN_TIMEOUT_MS };
    const connection = new Connection(ws, socket, this.#corker, gateway, limits);
    if (gateway.connections.size >= MAX_CONNECTIONS) connection.close('overloaded');
    else gateway.connections.add(connection);
  }
}
