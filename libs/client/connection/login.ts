import type { ErrorPacket, LoginA } from '../../protocol/packets.ts';
import { packetText } from '../client-packets.ts';
import type { Context } from '../context.ts';
import { Backoff } from '../timing/backoff.ts';
import { Alarm } from '../timing/clock.ts';
import { claimOf } from './claims.ts';
import { type Token, TokenFetcher } from './token.ts';

export interface LoginPorts {
  readonly send: (text: string) => void;
  /** There is a session. */
  readonly online: (login: LoginA) => void;
  /** The server does not answer. */
  readonly unanswered: () => void;
}

/** A token that expires in less than this is renewed no sooner than after it, milliseconds. */
const MIN_RENEWAL_MS = 5_000;

/**
 * Logs one connection in, and renews its token in time (PROTOCOL: login:R). When the server refuses a login:R for now,
 * sends it again with backoff on the same connection.
 */
export class Login {
  readonly #context: Context;
  readonly #ports: LoginPorts;
  readonly #backoff: Backoff;
  readonly #timeout: Alarm;
  readonly #again: Alarm;
  readonly #fetcher: TokenFetcher;
  #token: Token;
  /** A login:R was sent and has no answer. */
  #asked = false;
  #session: string | undefined;

  constructor(context: Context, token: Token, ports: LoginPorts) {
    const { clock, random, tuning } = context;
    this.#context = context;
    this.#token = token;
    this.#ports = ports;
    this.#fetcher = new TokenFetcher(context);
    this.#backoff = new Backoff(tuning.refused, random);
    this.#timeout = new Alarm(clock, () => ports.unanswered());
    this.#again = new Alarm(clock, () => this.#requestAgain());
  }

  /** The token of the login:R that has no answer yet; undefined when the server has accepted the token. */
  get openToken(): Token | undefined {
    return this.#asked || !this.hasSession ? this.#token : undefined;
  }

  get hasSession(): boolean {
    return this.#session !== undefined;
  }

  request(): void {
    const { device, sync, tuning } = this.#context;
    this.#asked = true;
    this.#timeout.in(tuning.loginTimeoutMs);
    this.#ports.send(
      packetText({ type: 'login:R', token: this.#token.text, device, sync: sync || undefined }),
    );
  }

  /** login:A: a new session, or this one renewed. */
  answered(login: LoginA): void {
    const { clock, token, tuning } = this.#context;
    this.#ended();
    this.#backoff.reset();
    clock.serverTime(login.at);
    const expiry = typeof token === 'function' ? claimOf(this.#token.text, 'exp') : undefined;
    if (typeof expiry === 'number') {
      // By the server's clock, in case ours is wrong.
      this.#again.in(Math.max(MIN_RENEWAL_MS, expiry * 1000 - login.at - tuning.renewBeforeMs));
    }
    if (login.session === this.#session) return;
    this.#session = login.session;
    this.#ports.online(login);
  }

  /** @returns whether the error answers a login:R, which is sent again */
  refused({ code, re }: ErrorPacket): boolean {
    const answersLogin = re ? re.type === 'login:R' : !this.hasSession;
    if (!answersLogin || (code !== 'unavailable' && code !== 'rate_limited')) return false;
    this.#ended();
    this.#again.in(this.#backoff.next());
    return true;
  }

  /** The caller wants to know soon whether an answer comes. */
  shortenTimeout(): void {
    const { clock, tuning } = this.#context;
    if (this.#asked) this.#timeout.notLaterThan(clock.now() + tuning.lookTimeoutMs);
  }

  stop(): void {
    this.#timeout.clear();
    this.#again.clear();
    this.#fetcher.cancel();
  }

  #ended(): void {
    this.#asked = false;
    this.#timeout.clear();
  }

  #requestAgain(): void {
    // The first login of a connection has a fresh token already.
    if (!this.hasSession) this.request();
    else
      this.#fetcher.fetch((token) => {
        if (token) {
          this.#token = token;
          this.request();
        } else this.#again.in(this.#backoff.next());
      });
  }
}
