import type { ErrorPacket, LoginA } from '../../protocol/packets.ts';
import { Backoff } from '../timing/backoff.ts';
import { packetText } from '../client-packets.ts';
import { Alarm } from '../timing/clock.ts';
import { ClientError } from '../errors.ts';
import type { ResolvedOptions } from '../options.ts';
import { expiryOf, type Token, TokenFetcher } from './token.ts';

export interface LoginPorts {
  readonly send: (text: string) => void;
  /** A session is there. */
  readonly online: (login: LoginA) => void;
  /** The server does not answer. */
  readonly unanswered: () => void;
  readonly error: (error: ClientError) => void;
}

/** A token that expires in less than this is renewed no sooner than after it, milliseconds. */
const MIN_RENEWAL_MS = 5_000;

/** ClosePolicy of a login:R after which the same one may pass later. */
const isForNow = (code: string) => code === 'unavailable' || code === 'rate_limited';

/**
 * Logs one connection in, and renews its token in time (PROTOCOL: login:R). A login:R that is refused for now is sent
 * again with backoff on the same connection.
 */
export class Login {
  readonly #options: ResolvedOptions;
  readonly #ports: LoginPorts;
  readonly #backoff: Backoff;
  readonly #unanswered: Alarm;
  readonly #again: Alarm;
  readonly #fetcher: TokenFetcher;
  #token: Token;
  /** A login:R was sent and has no answer. */
  #asked = false;
  #session: string | undefined;

  constructor(token: Token, options: ResolvedOptions, ports: LoginPorts) {
    this.#token = token;
    this.#options = options;
    this.#ports = ports;
    this.#fetcher = new TokenFetcher(options);
    this.#backoff = new Backoff(options.tuning.refused, options.random);
    this.#unanswered = new Alarm(options.clock, () => ports.unanswered());
    this.#again = new Alarm(options.clock, () => this.#requestAgain());
  }

  /** The token of the login:R that has no answer yet; undefined while a session runs on a token that was taken. */
  get openToken(): Token | undefined {
    return this.#asked || this.#session === undefined ? this.#token : undefined;
  }

  get hasSession(): boolean {
    return this.#session !== undefined;
  }

  request(): void {
    const { device, tuning } = this.#options;
    this.#asked = true;
    this.#unanswered.in(tuning.loginTimeoutMs);
    this.#ports.send(
      packetText({ type: 'login:R', token: this.#token.text, ...(device !== undefined && { device }) }),
    );
  }

  /** login:A: a new session, or this one renewed. */
  answered(login: LoginA): void {
    this.#asked = false;
    this.#unanswered.clear();
    this.#backoff.reset();
    this.#options.clock.serverTime(login.at);
    this.#scheduleRenewal(login.at);
    if (login.session === this.#session) return;
    this.#session = login.session;
    this.#ports.online(login);
  }

  /** @returns whether the error answers a login:R and is dealt with */
  refused({ code, re }: ErrorPacket): boolean {
    const meant = re ? re.type === 'login:R' : this.#session === undefined;
    if (!meant || !isForNow(code)) return false;
    this.#asked = false;
    this.#unanswered.clear();
    this.#again.in(this.#backoff.next());
    return true;
  }

  /** The caller wants to know soon whether an answer comes. */
  shortenTimeout(): void {
    const { clock, tuning } = this.#options;
    if (this.#unanswered.at !== undefined) this.#unanswered.notLaterThan(clock.now() + tuning.lookTimeoutMs);
  }

  stop(): void {
    this.#unanswered.clear();
    this.#again.clear();
    this.#fetcher.cancel();
  }

  /** @param serverNow the server's clock, in case ours is off */
  #scheduleRenewal(serverNow: number): void {
    const expiry = typeof this.#options.token === 'function' ? expiryOf(this.#token.text) : undefined;
    if (expiry === undefined) return;
    this.#again.in(Math.max(MIN_RENEWAL_MS, expiry - serverNow - this.#options.tuning.renewBeforeMs));
  }

  #requestAgain(): void {
    // The first login of a connection has a fresh token already.
    if (this.#session === undefined) this.request();
    else this.#fetcher.fetch((result) => this.#fetched(result));
  }

  #fetched(result: Token | ClientError): void {
    if (result instanceof ClientError) {
      this.#ports.error(result);
      this.#again.in(this.#backoff.next());
      return;
    }
    this.#token = result;
    this.request();
  }
}
