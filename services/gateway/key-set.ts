import { createRemoteJWKSet, customFetch, errors, type JWTVerifyGetKey } from 'jose';
import { pause } from '#libs/runtime/backoff.ts';
import type { Logger } from '#libs/runtime/logger.ts';
import { keyFetches, keysFetchedAt } from './metrics.ts';

/** How long the key server may take, milliseconds. */
const FETCH_TIMEOUT_MS = 3_000;

/** The keys cannot be fetched; the log says why. */
export class KeysOutOfReach extends Error {}

export interface KeySetOptions {
  url: string;
  /** How old the keys may get before they are fetched again, milliseconds. */
  cacheMs: number;
  /** Least time from one fetch to the next, milliseconds, whatever clients send. */
  cooldownMs: number;
  log: Logger;
}

/**
 * The public keys of an issuer. They are fetched at the start and then every `cacheMs`, so that a login with a known
 * key never waits, and a key that the issuer has withdrawn is not trusted for longer than that. While the key server
 * does not answer, the keys known before go on being used.
 *
 * A token that names an unknown key waits for the next fetch, so a new key works at once. Invented key names cause at
 * most one fetch per `cooldownMs`.
 */
export class KeySet {
  readonly #options: KeySetOptions;
  readonly #stop = new AbortController();
  /** Fetches only when it is told to; we know when. */
  readonly #remote: ReturnType<typeof createRemoteJWKSet>;
  #known = false;
  /** When the last fetch began, milliseconds of performance.now(). */
  #fetchedAt = -Infinity;
  #fetching: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: KeySetOptions) {
    this.#options = options;
    this.#remote = createRemoteJWKSet(new URL(options.url), {
      timeoutDuration: FETCH_TIMEOUT_MS,
      cacheMaxAge: Infinity,
      cooldownDuration: Infinity,
      [customFetch]: (url, { signal, ...init }) =>
        fetch(url, { ...init, signal: AbortSignal.any([signal, this.#stop.signal]) }),
    });
    this.#fetchIn(0);
  }

  /**
   * The key that a token names, for `jwtVerify`.
   *
   * @throws JOSEError when the issuer has no such key; KeysOutOfReach when that cannot be told now
   */
  readonly find: JWTVerifyGetKey = async (header, token) => {
    const since = performance.now();
    /** A fetch that was under way was answered before the key was there, or the server back: the next one tells. */
    const unlessEarlier = (error: unknown) => {
      if (this.#fetchedAt >= since) throw error;
    };
    for (;;) {
      try {
        if (this.#known) return await this.#remote(header, token);
      } catch (error) {
        if (!(error instanceof errors.JWKSNoMatchingKey)) throw error;
        unlessEarlier(error);
      }
      await this.#fetch().catch(unlessEarlier);
    }
  };

  /** Fetches no more. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#stop.abort(new Error('the gateway stops'));
  }

  /** Joins the fetch that is under way or waits for its time, or makes one. */
  #fetch(): Promise<void> {
    this.#fetching ??= this.#fetchNow().finally(() => (this.#fetching = undefined));
    return this.#fetching;
  }

  async #fetchNow(): Promise<void> {
    const { cacheMs, cooldownMs, log } = this.#options;
    const wait = this.#fetchedAt + cooldownMs - performance.now();
    if (wait > 0) await pause(wait, this.#stop.signal).catch(() => undefined); // stopped: the fetch says so
    clearTimeout(this.#timer);
    this.#fetchedAt = performance.now();
    try {
      await this.#remote.reload();
    } catch (error) {
      if (!this.#stop.signal.aborted) {
        keyFetches.inc({ outcome: 'failed' });
        log.warn({ err: error, known: this.#known }, 'keys cannot be fetched; known ones stay in use');
        this.#fetchIn(cooldownMs);
      }
      throw new KeysOutOfReach('the keys cannot be fetched', { cause: error });
    }
    this.#known = true;
    keyFetches.inc({ outcome: 'ok' });
    keysFetchedAt.setToCurrentTime();
    this.#fetchIn(cacheMs);
  }

  #fetchIn(ms: number): void {
    if (this.#stop.signal.aborted) return;
    this.#timer = setTimeout(() => {
      this.#fetch().catch(() => undefined); // it has logged why, and when it tries again
    }, ms).unref();
  }
}
