import type { LoginA, ServerPacket } from '../../protocol/packets.ts';
import { packetText } from '../client-packets.ts';
import { Alarm } from '../timing/clock.ts';
import { closeName } from './close-codes.ts';
import { Liveness } from './liveness.ts';
import { Login } from './login.ts';
import type { Context } from '../context.ts';
import { readServerPacket } from '../server-packets.ts';
import { CLOSE_ABNORMAL, CLOSE_NORMAL, type SocketLike, SUBPROTOCOL } from './socket.ts';
import type { Token } from './token.ts';

/** Events of a transport. */
export interface TransportEvents {
  online(login: LoginA): void;
  packet(packet: ServerPacket): void;
  /** Exactly once, and the last event. */
  closed(code: number, reason: string): void;
}

/**
 * `opening`, `open` (from here on packets pass, the first one is login:R), `closing` (the other end was asked to
 * close), `ended`. Only forward; each step but the last may be left out.
 */
type State = 'opening' | 'open' | 'closing' | 'ended';

/** An event of a WebSocket, before its fields are checked. */
type Said = Partial<Record<'data' | 'code' | 'reason', unknown>> | undefined;

/** One WebSocket from its opening to its end: logs in, notices when it is dead, reads packets. */
export class Transport {
  readonly #context: Context;
  readonly #events: TransportEvents;
  readonly #socket: SocketLike;
  readonly #login: Login;
  readonly #liveness: Liveness;
  readonly #opening: Alarm;
  #state: State = 'opening';

  /** @throws whatever the WebSocket throws */
  constructor(context: Context, url: string, token: Token, events: TransportEvents) {
    const { clock, tuning } = context;
    this.#context = context;
    this.#events = events;
    this.#socket = new context.WebSocket(url, [SUBPROTOCOL]);
    const send = (text: string) => this.send(text);
    this.#login = new Login(context, token, {
      send,
      online: (login) => this.#online(login),
      unanswered: () => this.abandon('login_unanswered'),
    });
    this.#liveness = new Liveness(context, {
      ping: () => send(packetText({ type: 'ping' })),
      dead: () => this.abandon('silent'),
    });
    this.#opening = new Alarm(clock, () => this.abandon('not_reached'));
    try {
      this.#listen();
    } catch (cause) {
      this.#state = 'ended';
      this.#cut();
      throw cause;
    }
    if (!this.ended) this.#opening.in(tuning.connectTimeoutMs);
  }

  get ended(): boolean {
    return this.#state === 'ended';
  }

  /** The token of the login:R that has no answer yet. */
  get openToken(): Token | undefined {
    return this.#login.openToken;
  }

  send(text: string): void {
    if (this.#state !== 'open') return;
    try {
      this.#socket.send(text);
    } catch (cause) {
      this.#state = 'closing';
      this.#context.fail('socket', 'the WebSocket did not send', cause);
      // Not now: the caller may be in the middle of something.
      void Promise.resolve().then(() => this.abandon('send_failed'));
    }
  }

  /** Checks that the other end answers. If not, `closed` follows soon. */
  probe(): void {
    const { clock, tuning } = this.#context;
    if (this.#state === 'opening') this.#opening.notLaterThan(clock.now() + tuning.lookTimeoutMs);
    if (this.#state !== 'open') return;
    if (this.#login.hasSession) this.#liveness.probe();
    else this.#login.shortenTimeout();
  }

  /** Ends it in the orderly way; `closed` follows. */
  close(): void {
    if (this.#state === 'ended') return;
    this.#state = 'closing';
    this.#stop();
    if (!this.#attempt(() => this.#socket.close(CLOSE_NORMAL))) this.abandon('closed');
  }

  /** Ends it at once, without waiting for the other end. */
  abandon(reason: string, code = CLOSE_ABNORMAL): void {
    if (this.#state === 'ended') return;
    this.#end(code, reason);
    this.#cut();
  }

  #listen(): void {
    const socket = this.#socket;
    socket.addEventListener('open', () => this.#opened());
    socket.addEventListener('message', (event: Said) => this.#received(event?.data));
    // An error has no details, and a close follows it; some WebSockets throw without a listener.
    socket.addEventListener('error', () => undefined);
    socket.addEventListener('close', (event: Said) => {
      const code = typeof event?.code === 'number' ? event.code : CLOSE_ABNORMAL;
      const reason = typeof event?.reason === 'string' ? event.reason : '';
      this.#end(code, reason || closeName(code));
    });
  }

  #opened(): void {
    if (this.#state !== 'opening') return;
    this.#state = 'open';
    this.#opening.clear();
    this.#login.request();
  }

  /** Not before the session is there: any packet but login:R would be refused, and the login has its own deadline. */
  #online(login: LoginA): void {
    this.#liveness.start();
    this.#events.online(login);
  }

  #end(code: number, reason: string): void {
    if (this.#state === 'ended') return;
    this.#state = 'ended';
    this.#stop();
    this.#events.closed(code, reason);
  }

  #stop(): void {
    this.#opening.clear();
    this.#liveness.stop();
    this.#login.stop();
  }

  /** The other end may be gone: sends a close frame in case it is not, and ends the socket. */
  #cut(): void {
    this.#attempt(() => this.#socket.close(CLOSE_NORMAL));
    this.#attempt(() => this.#socket.terminate?.());
  }

  /** @returns false when the WebSocket threw */
  #attempt(close: () => void): boolean {
    try {
      close();
      return true;
    } catch (cause) {
      this.#context.fail('socket', 'the WebSocket did not close', cause);
      return false;
    }
  }

  #received(data: unknown): void {
    if (this.#state !== 'open') return;
    this.#liveness.heard();
    const packet = readServerPacket(data);
    if (packet === undefined) return;
    if (packet instanceof Error) {
      this.#context.fail('packet', `the server sent ${packet.message}`, packet.cause);
    } else if (packet.type === 'login:A') this.#login.answered(packet);
    else if (packet.type !== 'error' || !this.#login.refused(packet)) this.#events.packet(packet);
  }
}
