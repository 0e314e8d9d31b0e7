import type { ErrorPacket, LoginA } from '#libs/protocol/server-packets.ts';
import { Backoff } from '../timing/backoff.ts';
import { packetText } from '../client-packets.ts';
import { Alarm } from '../timing/clock.ts';
import { ClientError } from '../errors.ts';
import type { ResolvedOptions } from '../options.ts';
import { expiryOf, fetchToken } from './token.ts';

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

/** Refusals of a login:R after which the same one may pass later. */
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
  #token: string;
  #session: string | undefined;
  #stopped = false;

  constructor(token: string, options: ResolvedOptions, ports: LoginPorts) {
    this.#token = token;
    this.#options = options;
    this.#ports = ports;
    this.#backoff = new Backoff(options.tuning.refused, options.random);
    this.#unanswered = new Alarm(options.clock, () => ports.unanswered());
    this.#again = new Alarm(options.clock, () => void this.#renew());
  }

  request(): void {
    const { device, tuning } = this.#options;
    this.#unanswered.in(tuning.loginTimeoutMs);
    this.#ports.send(
      packetText({ type: 'login:R', token: this.#token, ...(device !== undefined && { device }) }),
    );
  }

  /** login:A: a new session, or this one renewed. */
  answered(login: LoginA): void {
    this.#unanswered.clear();
    this.#backoff.reset();
    this.#scheduleRenewal(login.at);
    if (login.session === this.#session) return;
    this.#session = login.session;
    this.#ports.online(login);
  }

  /** @returns whether the error answers a login:R and is dealt with */
  refused({ code, re }: ErrorPacket): boolean {
    const meant = re ? re.type === 'login:R' : this.#session === undefined;
    if (!meant || !isForNow(code)) return false;
    this.#unanswered.clear();
    this.#again.in(this.#backoff.next());
    return true;
  }

  stop(): void {
    this.#stopped = true;
    this.#unanswered.clear();
    this.#again.clear();
  }

  /** @param serverNow the server's clock, in case ours is off */
  #scheduleRenewal(serverNow: number): void {
    const expiry = typeof this.#options.token === 'function' ? expiryOf(this.#token) : undefined;
    if (expiry === undefined) return;
    this.#again.in(Math.max(MIN_RENEWAL_MS, expiry - serverNow - this.#options.tuning.renewBeforeMs));
  }

  async #renew(): Promise<void> {
    try {
      // The first login of a connection has a fresh token already.
      if (this.#session !== undefined) this.#token = await fetchToken(this.#options.token);
    } catch (cause) {
      if (this.#stopped) return;
      this.#ports.error(new ClientError('token', 'the token function failed', { cause }));
      this.#again.in(this.#backoff.next());
      return;
    }
    if (!this.#stopped) this.request();
  }
}
