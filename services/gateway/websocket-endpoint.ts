import type { IncomingMessage, Server } from 'node:http';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import { pause } from '#libs/runtime/backoff.ts';
import { SUBPROTOCOL } from '#libs/protocol/limits.ts';
import { Connection } from './connection.ts';
import { CONTROL_WINDOW_MS } from './control-frames.ts';
import { ClientAddresses } from './admission/addresses.ts';
import { refuse, type RefusedUpgrade } from './admission/refusals.ts';
import { limitSockets, type Requests, SOCKET_LIMITS } from './admission/sockets.ts';
import { upgradeFault } from './admission/upgrade.ts';
import { Flusher } from './flusher.ts';
import type { Gateway } from './gateway.ts';

/** How long a client may take to answer a close, milliseconds; then its socket is destroyed. */
const CLOSE_TIMEOUT_MS = 2_000;

/** Most frames of one packet: each takes memory of its own, however short it is. */
const MAX_FRAGMENTS = 1_024;

/** Takes WebSocket upgrades at /ws and makes connections of them. */
export class WebSocketEndpoint {
  readonly #gateway: Gateway;
  readonly #addresses: ClientAddresses;
  readonly #flusher = new Flusher();
  readonly #wss: WebSocketServer;
  #open = true;

  /** @param requests other than upgrades, on the same server */
  constructor(server: Server, gateway: Gateway, requests?: Requests) {
    this.#gateway = gateway;
    this.#addresses = new ClientAddresses(gateway.config.TRUSTED_PROXIES);
    const { MAX_CONNECTIONS_PER_ADDRESS: maxConnectionsPerAddress } = gateway.config;
    const limits = { ...SOCKET_LIMITS, maxConnectionsPerAddress };
    limitSockets(server, limits, this.#addresses, gateway.connections, requests);
    // Not written in place: @types/ws 8.18 does not know closeTimeout and maxFragments yet.
    const options = {
      noServer: true,
      clientTracking: false,
      maxPayload: gateway.config.MAX_PACKET_BYTES,
      maxFragments: MAX_FRAGMENTS,
      autoPong: false, // Connection answers pings, and counts them
      perMessageDeflate: false,
      closeTimeout: CLOSE_TIMEOUT_MS,
      handleProtocols: (offered: Set<string>) => (offered.has(SUBPROTOCOL) ? SUBPROTOCOL : (false as const)),
    };
    this.#wss = new WebSocketServer(options);
    // What ws finds that faultOf() did not, such as a subprotocol that is no token.
    this.#wss.on('wsClientError', (_error, socket) => refuse(socket, 'bad_upgrade'));
    server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) =>
      this.#upgrade(request, socket, head),
    );
  }

  /** No further connection after this delay: until then the load balancer may not know, and send some. */
  async close(delayMs: number): Promise<void> {
    await pause(delayMs);
    this.#open = false;
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    // A client may vanish in the middle of the upgrade; without a listener its reset would end the process.
    const onError = () => socket.destroy();
    socket.on('error', onError);
    const refusal = this.#refusal(request);
    if (refusal) {
      refuse(socket, refusal);
      return;
    }
    const address = this.#addresses.of(request);
    this.#wss.handleUpgrade(request, socket, head, (ws) => {
      socket.off('error', onError);
      if (socket instanceof Socket) this.#accept(ws, socket, address);
      else ws.terminate(); // only a TCP (or TLS) socket can come from an HTTP server
    });
  }

  #refusal(request: IncomingMessage): RefusedUpgrade | undefined {
    const fault = upgradeFault(request);
    if (fault) return fault;
    if (!this.#open) return 'draining';
    const { ALLOWED_ORIGINS, LOGIN_TIMEOUT_MS } = this.#gateway.config;
    // Never had a lease, or not for so long that a login would hardly be held for long enough: another gateway may.
    if (this.#gateway.incarnation.lease.missingMs > LOGIN_TIMEOUT_MS) return 'not_ready';
    const { origin } = request.headers;
    // Browsers send it, and no page can change it. Other clients need no protection from web pages.
    return origin !== undefined && ALLOWED_ORIGINS?.includes(origin.toLowerCase()) === false
      ? 'origin'
      : undefined;
  }

  #accept(ws: ConstructorParameters<typeof Connection>[0], socket: Socket, address: string): void {
    const gateway = this.#gateway;
    const { MAX_SEND_BUFFER_BYTES, LOGIN_TIMEOUT_MS, RATE_LIMIT_PER_S, RATE_BURST } = gateway.config;
    socket.setNoDelay(true);
    const limits = {
      maxSendBuffer: MAX_SEND_BUFFER_BYTES,
      loginTimeoutMs: LOGIN_TIMEOUT_MS,
      maxControlFrames: RATE_BURST + (RATE_LIMIT_PER_S * CONTROL_WINDOW_MS) / 1_000,
    };
    gateway.opened(new Connection(ws, socket, this.#flusher, gateway, address, limits));
  }
}
