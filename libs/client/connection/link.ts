import type { LoginA, ServerPacket } from '#libs/protocol/server-packets.ts';
import { packetText } from '../client-packets.ts';
import { Alarm } from '../timing/clock.ts';
import { closeName } from './close-codes.ts';
import { ClientError } from '../errors.ts';
import { Liveness } from './liveness.ts';
import { Login } from './login.ts';
import type { ResolvedOptions } from '../options.ts';
import { readServerPacket } from '../server-packets.ts';
import { CLOSE_ABNORMAL, CLOSE_NORMAL, type SocketLike, SUBPROTOCOL } from './socket.ts';

/** What becomes of a link. */
export interface LinkEvents {
  online(login: LoginA): void;
  packet(packet: ServerPacket): void;
  /** Exactly once, and the last event. */
  closed(code: number, reason: string): void;
  error(error: ClientError): void;
}

/** One WebSocket from its opening to its end: logs in, notices when it is dead, reads packets. */
export class Link {
  readonly #events: LinkEvents;
  readonly #socket: SocketLike;
  readonly #login: Login;
  readonly #liveness: Liveness;
  readonly #opening: Alarm;
  #open = false;
  #ended = false;

  constructor(url: string, token: string, options: ResolvedOptions, events: LinkEvents) {
    const { clock, tuning } = options;
    this.#events = events;
    this.#socket = new options.WebSocket(url, [SUBPROTOCOL]);
    this.#login = new Login(token, options, {
      send: (text) => this.send(text),
      online: (login) => events.online(login),
      unanswered: () => this.abandon('login_unanswered'),
      error: (error) => events.error(error),
    });
    this.#liveness = new Liveness({
      clock,
      pingIntervalMs: tuning.pingIntervalMs,
      pongTimeoutMs: tuning.pongTimeoutMs,
      ping: () => this.send(packetText({ type: 'ping' })),
      dead: () => this.abandon('silent'),
    });
    this.#opening = new Alarm(clock, () => this.abandon('not_reached'));
    this.#opening.in(tuning.connectTimeoutMs);
    this.#listen();
  }

  send(text: string): void {
    if (this.#open) this.#socket.send(text);
  }

  /** Ends it in the orderly way; `closed` follows. */
  close(): void {
    this.#open = false;
    this.#opening.clear();
    this.#login.stop();
    this.#liveness.stop();
    this.#socket.close(CLOSE_NORMAL);
  }

  /** Ends it at once, without waiting for the other end. */
  abandon(reason: string, code = CLOSE_ABNORMAL): void {
    if (this.#ended) return;
    this.#end(code, reason);
    this.#socket.close(CLOSE_NORMAL);
  }

  #listen(): void {
    const socket = this.#socket;
    socket.addEventListener('open', () => {
      if (this.#ended) return;
      this.#open = true;
      this.#opening.clear();
      this.#liveness.start();
      this.#login.request();
    });
    socket.addEventListener('message', ({ data }) => this.#received(data));
    // An error says nothing that can be used, and a close follows it; some WebSockets throw when nobody listens.
    socket.addEventListener('error', () => undefined);
    socket.addEventListener('close', ({ code, reason }) => this.#end(code, reason || closeName(code)));
  }

  #end(code: number, reason: string): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#open = false;
    this.#opening.clear();
    this.#liveness.stop();
    this.#login.stop();
    this.#events.closed(code, reason);
  }

  #received(data: unknown): void {
    if (!this.#open) return;
    this.#liveness.heard();
    const packet = readServerPacket(data);
    if (packet === undefined) return;
    if (packet instanceof Error) {
      this.#events.error(
        new ClientError('packet', `the server sent ${packet.message}`, { cause: packet.cause }),
      );
    } else if (packet.type === 'login:A') this.#login.answered(packet);
    else if (packet.type !== 'error' || !this.#login.refused(packet)) this.#events.packet(packet);
  }
}
