import type { ServerPacket } from '../../protocol/packets.ts';
import { Backoff } from '../timing/backoff.ts';
import { Alarm } from '../timing/clock.ts';
import { CLOSE_NOT_WANTED, CLOSE_REPLACED } from './close-codes.ts';
import { Transport } from './transport.ts';
import type { Context } from '../context.ts';
import { ClientError } from '../errors.ts';
import { ClosePolicy } from './close-policy.ts';
import type { Session, Status } from './status.ts';
import { type Token, TokenFetcher } from './token.ts';

export interface ConnectionEvents {
  readonly status: (status: Status) => void;
  /** A token came, and the next login uses it. */
  readonly tokenReceived: (text: string) => void;
  /** May this session be used? If not, {@link Connection.halt} was called. */
  readonly admits: (session: Session) => boolean;
  readonly router: SessionEvents;
}

/** Events of a session. */
export interface SessionEvents {
  online(session: Session): void;
  /** The session is about to end: nothing new begins. */
  draining(): void;
  /** There is no session (any more). */
  offline(): void;
  packet(packet: ServerPacket): void;
}

/**
 * Keeps a session: connects, and reconnects after every close that is not final, with exponential backoff and full jitter,
 * to each gateway in turn (PROTOCOL: error codes and close codes, last paragraphs).
 * {@link Status} has the states and transitions.
 *
 * `connecting` is first without a transport, while a token is fetched, then with one. There is at most one transport and at most
 * one token under way for it. reconnect() in `connecting` gives up a token that does not come, and in `connecting` and
 * `online` shortens the deadline of what the transport waits for; so does sleep. A transport that is given up is cut: nothing of
 * it is heard any more, and nothing of it keeps the process alive.
 */
export class Connection {
  readonly #context: Context;
  readonly #events: ConnectionEvents;
  readonly #backoff: Backoff;
  readonly #closePolicy: ClosePolicy;
  readonly #fetcher: TokenFetcher;
  readonly #retry: Alarm;
  #status: Status;
  #transport: Transport | undefined;
  /** Counts tries: each goes to the next gateway. */
  #try = 0;
  #onlineSince: number | undefined;
  /** When to come back, on the clock's now(), where the server said `bye`. */
  #returnAt: number | undefined;
  /** The caller wants a connection that works: if this one ends before, on the clock's now(), the next is made at once. */
  #urgentUntil = 0;
  /** Callbacks for the end of the transport, once close() was called. */
  #closing: (() => void)[] | undefined;
  /** Why the client cannot go on, after {@link halt}. */
  #halted: string | undefined;

  constructor(context: Context, events: ConnectionEvents) {
    this.#context = context;
    this.#events = events;
    const { clock, random, token, tuning, urls, fail } = context;
    this.#backoff = new Backoff(tuning.reconnect, random);
    this.#closePolicy = new ClosePolicy(typeof token === 'function');
    this.#fetcher = new TokenFetcher(context);
    this.#retry = new Alarm(clock, () => this.#attempt());
    this.#status = { state: 'connecting', url: urls[0] };
    clock.watch({
      leapt: () => this.#leapt(),
      failed: (cause) => fail('clock', 'the clock failed', cause),
    });
  }

  get status(): Status {
    return this.#status;
  }

  /**
   * Connects now: the first time, without waiting longer, or after a final close. Keeps an open connection if it answers
   * soon.
   */
  start(): void {
    if (this.#closing) return;
    if (this.#transport) {
      // Twice, so that the deadline itself falls into it.
      this.#urgentUntil = this.#context.clock.now() + 2 * this.#context.tuning.lookTimeoutMs;
      this.#transport.probe();
      return;
    }
    this.#halted = undefined;
    if (this.#status.state === 'closed') this.#closePolicy.reset();
    this.#backoff.reset();
    this.#attempt();
  }

  /** Without a session, nothing is sent. */
  send(text: string): void {
    if (this.#status.state === 'online') this.#transport?.send(text);
  }

  /** Ends the connection finally. @param graceMs how long the other end may take to answer the close */
  async close(reason: string, graceMs: number): Promise<void> {
    const closing = (this.#closing ??= []);
    this.#fetcher.cancel();
    this.#retry.clear();
    const transport = this.#transport;
    if (transport) {
      const patience = new Alarm(this.#context.clock, () => transport.abandon(reason));
      patience.in(graceMs);
      await new Promise<void>((resolve) => {
        closing.push(resolve);
        transport.close();
      });
      patience.clear();
    }
    this.#setStatus({ state: 'closed', reason });
  }

  /** Ends the connection because the client cannot go on as it is, until {@link start}. */
  halt(reason: string): void {
    if (this.#closing) return;
    this.#fetcher.cancel();
    this.#retry.clear();
    this.#halted = reason;
    if (this.#transport) this.#transport.abandon(reason);
    else this.#setStatus({ state: 'closed', reason });
  }

  /** The client tries again to open its storage; {@link start} or {@link halt} follows. */
  resume(): void {
    this.#setStatus({ state: 'connecting', url: this.#context.urls[0] });
  }

  #attempt(): void {
    this.#transport?.abandon('draining');
    this.#retry.clear();
    const { urls } = this.#context;
    const url = urls[this.#try++ % urls.length] ?? urls[0];
    this.#returnAt = undefined;
    this.#onlineSince = undefined;
    this.#urgentUntil = 0;
    this.#setStatus({ state: 'connecting', url });
    this.#fetcher.fetch((token) => {
      if (token) {
        this.#events.tokenReceived(token.text);
        this.#open(url, token);
      } else this.#wait({ reason: 'no_token' });
    });
  }

  #open(url: string, token: Token): void {
    try {
      const transport = new Transport(this.#context, url, token, {
        online: (session) => this.#online(url, session),
        packet: (packet) => {
          if (packet.type === 'bye') this.#bye(packet);
          else this.#events.router.packet(packet);
        },
        closed: (code, reason) => this.#closed(code, reason),
      });
      if (!transport.ended) this.#transport = transport;
    } catch (cause) {
      this.#context.fail('socket', `no WebSocket to ${url}`, cause);
      this.#wait({ reason: 'no_socket' });
    }
  }

  #online(url: string, session: Session): void {
    if (!this.#events.admits(session)) return;
    this.#onlineSince = this.#context.clock.now();
    this.#closePolicy.reset();
    this.#setStatus({ state: 'online', url, session });
    this.#events.router.online(session);
  }

  /** PROTOCOL: bye. `replaced` and its like, without a time: do not reconnect. Else come back when told, elsewhere. */
  #bye({ reason, reconnectAfterMs }: { reason: string; reconnectAfterMs?: number | undefined }): void {
    if (reason !== 'draining' && reconnectAfterMs === undefined) {
      if (reason !== 'replaced') {
        const message = `${reason}: the server ended this session`;
        this.#context.report(new ClientError('server', message, { serverCode: reason }));
      }
      this.#transport?.abandon(reason, reason === 'replaced' ? CLOSE_REPLACED : CLOSE_NOT_WANTED);
      return;
    }
    this.#events.router.draining();
    this.#returnAt = this.#context.clock.now() + (reconnectAfterMs ?? this.#backoff.next());
    this.#retry.set(this.#returnAt); // also when the gateway does not close before
  }

  #closed(code: number, reason: string): void {
    const { clock, tuning } = this.#context;
    const now = clock.now();
    const final = this.#closePolicy.isFinal(code, this.#transport?.openToken, now);
    this.#transport = undefined;
    if (this.#onlineSince !== undefined && now - this.#onlineSince >= tuning.stableMs) this.#backoff.reset();
    this.#events.router.offline();
    if (this.#closing) for (const done of this.#closing.splice(0)) done();
    else if (this.#halted !== undefined) this.#setStatus({ state: 'closed', reason: this.#halted });
    else if (final) this.#giveUp(code, reason);
    else if (now < this.#urgentUntil) this.#attempt();
    else this.#wait({ reason, code });
  }

  /** The computer has slept: the connection may be dead, and a pause has been long enough. */
  #leapt(): void {
    if (this.#transport) this.#transport.probe();
    else if (this.#status.state === 'waiting') this.#attempt();
  }

  #giveUp(code: number, reason: string): void {
    this.#retry.clear();
    this.#setStatus({ state: 'closed', reason, code });
  }

  #wait(why: { reason: string; code?: number }): void {
    const now = this.#context.clock.now();
    const retryInMs = this.#returnAt === undefined ? this.#backoff.next() : Math.max(0, this.#returnAt - now);
    this.#retry.set(now + retryInMs);
    this.#setStatus({ state: 'waiting', retryInMs, ...why });
  }

  #setStatus(status: Status): void {
    this.#status = status;
    this.#events.status(status);
  }
}
