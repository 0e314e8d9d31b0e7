/** How pauses between tries grow. */
export interface BackoffOptions {
  /** Longest first pause, milliseconds. */
  readonly baseMs: number;
  /** Longest pause, milliseconds. */
  readonly maxMs: number;
}

/**
 * Exponential backoff with full jitter: the n-th pause is anywhere between 0 and base * 2^n, so that clients that
 * lost the same gateway do not all come back at once (PROTOCOL: error codes and close codes, last paragraph).
 */
export class Backoff {
  readonly #options: BackoffOptions;
  readonly #random: () => number;
  #attempt = 0;

  constructor(options: BackoffOptions, random: () => number) {
    this.#options = options;
    this.#random = random;
  }

  next(): number {
    const { baseMs, maxMs } = this.#options;
    return this.#random() * Math.min(maxMs, baseMs * 2 ** this.#attempt++);
  }

  reset(): void {
    this.#attempt = 0;
  }
}

/** How much later than its time a retransmission may come, as a part of the timeout. */
const RETRANSMIT_JITTER = 0.25;

/**
 * How long to wait for ack:N after the n-th try (the first is 1) before the message is sent again: the base, doubling
 * up to the longest, and up to a quarter more (PROTOCOL: what a client must do, 2).
 */
export function retransmitDelay(
  tries: number,
  { baseMs, maxMs }: BackoffOptions,
  random: () => number,
): number {
  const timeout = Math.min(maxMs, baseMs * 2 ** (tries - 1));
  return timeout * (1 + RETRANSMIT_JITTER * random());
}
