import { setTimeout as delay } from 'node:timers/promises';

export interface BackoffOptions {
  /** Longest first pause, milliseconds. */
  baseMs: number;
  /** Longest pause, milliseconds. */
  maxMs: number;
  random?: () => number;
}

/**
 * Exponential backoff with full jitter: the n-th pause is anywhere between 0 and base * 2^n, so that clients of one lost
 * server do not all return at once.
 */
export class Backoff {
  readonly #options: BackoffOptions;
  #attempt = 0;

  constructor(options: BackoffOptions) {
    this.#options = options;
  }

  next(): number {
    const { baseMs, maxMs, random = Math.random } = this.#options;
    return Math.round(random() * Math.min(maxMs, baseMs * 2 ** this.#attempt++));
  }

  reset(): void {
    this.#attempt = 0;
  }
}

/** Waits, or rejects with the signal's reason as soon as it is aborted. */
export async function pause(ms: number, signal?: AbortSignal): Promise<void> {
  await delay(ms, undefined, signal && { signal });
}

/** Resolves with the promise, or to undefined after this time. */
export async function within<T>(ms: number, promise: Promise<T>): Promise<T | undefined> {
  const over = new AbortController();
  const timeout = pause(ms, over.signal).then(
    () => undefined,
    () => undefined,
  );
  try {
    return await Promise.race([promise, timeout]);
  } finally {
    over.abort();
  }
}
