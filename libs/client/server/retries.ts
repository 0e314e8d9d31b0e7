import { Backoff, type BackoffOptions } from '../timing/backoff.ts';
import { HttpError } from './http-error.ts';

/** When a request is tried again. */
export interface RetryOptions {
  /** Most tries after the first; default 5. 0: never try again. */
  readonly retries?: number | undefined;
  /** Ends the call: it rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** Pauses between tries without a Retry-After, and what is added to one: clients must not come back all at once. */
export const DEFAULT_RETRY: BackoffOptions = { baseMs: 200, maxMs: 10_000 };

export const DEFAULT_RETRIES = 5;

/** A longer Retry-After is cut to this. */
const MAX_RETRY_AFTER_MS = 60_000;

/** The tries of one call. */
export class Retries {
  readonly #options: RetryOptions;
  readonly #backoff: Backoff;
  #left: number;

  constructor(options: RetryOptions, backoff: BackoffOptions, random: () => number) {
    this.#options = options;
    this.#backoff = new Backoff(backoff, random);
    this.#left = this.#most;
  }

  get #most(): number {
    return this.#options.retries ?? DEFAULT_RETRIES;
  }

  /** The call made progress: it has all its tries again. */
  reset(): void {
    this.#left = this.#most;
    this.#backoff.reset();
  }

  /** Waits until the next try. @throws the error when there is none; the signal's reason when it aborts */
  async after(error: unknown): Promise<void> {
    if (!(error instanceof HttpError && error.retryable) || this.#left === 0) throw error;
    this.#left--;
    const asked = Math.min(error.retryAfterMs ?? 0, MAX_RETRY_AFTER_MS);
    await pause(asked + this.#backoff.next(), this.#options.signal);
  }
}

function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(signal?.reason as Error);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop);
      resolve();
    }, ms);
    signal?.addEventListener('abort', stop, { once: true });
    if (signal?.aborted) stop();
  });
}
