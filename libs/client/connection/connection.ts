import type { Bye, LoginA, ServerPacket } from '#libs/protocol/server-packets.ts';
import { Backoff } from '../timing/backoff.ts';
import { Alarm } from '../timing/clock.ts';
import { CLOSE_REPLACED, isFinalClose } from './close-codes.ts';
import { ClientError } from '../errors.ts';
import { Link } from './link.ts';
import type { ResolvedOptions } from '../options.ts';
import { fetchToken } from './token.ts';

/** A session, as login:A told it. */
export type Session = Omit<LoginA, 'type'>;

/**
 * Where the connection stands:
 * - `connecting`: on the way to a session
 * - `online`: the user is reachable
 * - `waiting`: for the next try
 * - `closed`: for good, by the caller or by the server (see {@link Connection})
 */
export type Status =
  | { readonly state: 'connecting'; readonly url: string }
  | { readonly state: 'online'; readonly url: string; readonly session: Session }
  | { readonly state: 'waiting'; readonly retryInMs: number; readonly reason: string; readonly code?: number }
  | { readonly state: 'closed'; readonly reason: string; readonly code?: number };

export interface ConnectionEvents {
  status(status: Status): void;
  /** May this session be used? If not, {@link Connection.halt} was called. */
  admits(session: Session): boolean;
  online(session: Session): void;
  /** The session is about to end: what runs may end, nothing new is begun. */
  draining(): void;
  /** No session (any more). */
  offline(): void;
  packet(packet: ServerPacket): void;
  error(error: ClientError): void;
}

/**
 * Keeps a session: connects, and connects again after every end except those that the server means for good (close
 * 4400, 4401, 4409, `bye` replaced), with exponential backoff and full jitter, to each gateway in turn (PROTOCOL:
 * error codes and close codes, last paragraph).
 */
export class Connection {
  readonly #options: ResolvedOptions;
  readonly #events: ConnectionEvents;
  readonly #backoff: Backoff;
  readonly #retry: Alarm;
  #status: Status;
  #link: Link | undefined;
  /** Counts tries; a token that comes late is not used for a later one. */
  #try = 0;
  #onlineSince: number | undefined;
  /** When to come back, on the clock's now(), where the server said `bye`. */
  #returnAt: number | undefined;
  #closing: (() => void) | undefined;
  /** Why the client cannot go on as it is. */
  #halted: string | undefined;

  constructor(options: ResolvedOptions, events: ConnectionEvents) {
    this.#options = options;
    this.#events = events;
    this.#backoff = new Backoff(options.tuning.reconnect, options.random);
    this.#retry = new Alarm(options.clock, () => this.#attempt());
    this.#status = { state: 'connecting', url: options.urls[0] };
  }

  get status(): Status {
    return this.#status;
  }

  /** Connects now: the first time, instead of waiting longer, or after the server closed it for good. */
  start(): void {
    if (this.#link || this.#closing) return;
    this.#halted = undefined;
    this.#backoff.reset();
    this.#attempt();
  }

  /** Without a session, nothing is sent. */
  send(text: string): void {
    if (this.#status.state === 'online') this.#link?.send(text);
  }

  /** Ends the connection for good. @param graceMs how long the other end may take to agree */
  async close(reason: string, graceMs: number): Promise<void> {
    this.#try++;
    this.#retry.clear();
    const link = this.#link;
    if (link) {
      const patience = new Alarm(this.#options.clock, () => link.abandon(reason));
      patience.in(graceMs);
      await new Promise<void>((resolve) => {
        this.#closing = resolve;
        link.close();
      });
      patience.clear();
    }
    this.#closing = () => undefined;
    this.#setStatus({ state: 'closed', reason });
  }

  /** Ends the connection because the client cannot go on as it is, until {@link start}. */
  halt(reason: string): void {
    if (this.#closing) return;
    this.#try++;
    this.#retry.clear();
    this.#halted = reason;
    if (this.#link) this.#link.abandon(reason);
    else this.#setStatus({ state: 'closed', reason });
  }

  /** What kept the client from going on is looked at again; {@link start} or {@link halt} follows. */
  resume(): void {
    this.#setStatus({ state: 'connecting', url: this.#options.urls[0] });
  }

  #attempt(): void {
    this.#link?.abandon('draining');
    this.#retry.clear();
    const { urls } = this.#options;
    const url = urls[this.#try++ % urls.length] ?? urls[0];
    this.#returnAt = undefined;
    this.#onlineSince = undefined;
    this.#setStatus({ state: 'connecting', url });
    void this.#open(url, this.#try);
  }

  async #open(url: string, attempt: number): Promise<void> {
    let token: string;
    try {
      token = await fetchToken(this.#options.token);
    } catch (cause) {
      if (attempt === this.#try)
        this.#failed('no_token', new ClientError('token', 'the token function failed', { cause }));
      return;
    }
    if (attempt !== this.#try) return;
    try {
      this.#link = this.#newLink(url, token);
    } catch (cause) {
      this.#failed('no_socket', new ClientError('socket', `no WebSocket to ${url}`, { cause }));
    }
  }

  #newLink(url: string, token: string): Link {
    return new Link(url, token, this.#options, {
      online: (session) => this.#online(url, session),
      packet: (packet) => {
        if (packet.type === 'bye') this.#bye(packet);
        else this.#events.packet(packet);
      },
      closed: (code, reason) => this.#closed(code, reason),
      error: (error) => this.#events.error(error),
    });
  }

  #failed(reason: string, error: ClientError): void {
    this.#events.error(error);
    this.#wait({ reason });
  }

  #online(url: string, session: Session): void {
    if (!this.#events.admits(session)) return;
    this.#onlineSince = this.#options.clock.now();
    this.#setStatus({ state: 'online', url, session });
    this.#events.online(session);
  }

  /** PROTOCOL: bye. `replaced`: do not reconnect. Otherwise come back at the time given, to another gateway. */
  #bye({ reason, reconnectAfterMs }: Bye): void {
    if (reason === 'replaced') {
      this.#link?.abandon(reason, CLOSE_REPLACED);
      return;
    }
    this.#events.draining();
    this.#returnAt = this.#options.clock.now() + (reconnectAfterMs ?? this.#backoff.next());
    this.#retry.set(this.#returnAt); // also when the gateway does not close before
  }

  #closed(code: number, reason: string): void {
    const { clock, tuning } = this.#options;
    this.#link = undefined;
    const upFor = this.#onlineSince === undefined ? 0 : clock.now() - this.#onlineSince;
    if (upFor >= tuning.stableMs) this.#backoff.reset();
    this.#events.offline();
    if (this.#closing) this.#closing();
    else if (this.#halted !== undefined) this.#setStatus({ state: 'closed', reason: this.#halted });
    else if (isFinalClose(code)) this.#giveUp(code, reason);
    else this.#wait({ reason, code });
  }

  #giveUp(code: number, reason: string): void {
    this.#retry.clear();
    this.#setStatus({ state: 'closed', reason, code });
  }

  #wait(why: { reason: string; code?: number }): void {
    const now = this.#options.clock.now();
    const retryInMs = this.#returnAt === undefined ? this.#backoff.next() : Math.max(0, this.#returnAt - now);
    this.#retry.set(now + retryInMs);
    this.#setStatus({ state: 'waiting', retryInMs, ...why });
  }

  #setStatus(status: Status): void {
    this.#status = status;
    this.#events.status(status);
  }
}
