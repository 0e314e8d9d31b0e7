import type { Context } from '../context.ts';
import { Alarm } from '../timing/clock.ts';

/** A token older than this was not fetched for the login that refuses it, milliseconds (PROTOCOL: 4401). */
const FRESH_MS = 10_000;

export interface Token {
  readonly text: string;
  /** When it came, on the clock's `now()`; undefined for a token that was given as a string. */
  readonly fetchedAt: number | undefined;
}

/** Was it fetched for this very login? */
export const isFresh = ({ fetchedAt }: Token, now: number): boolean =>
  fetchedAt !== undefined && now - fetchedAt <= FRESH_MS;

/**
 * Asks for tokens, one try at a time, each with a time limit. A late answer is not used: its token may be old, or meant
 * for another login.
 */
export class TokenFetcher {
  readonly #context: Context;
  readonly #timeout: Alarm;
  #done: ((token: Token | undefined) => void) | undefined;

  constructor(context: Context) {
    this.#context = context;
    this.#timeout = new Alarm(context.clock, () => this.#failed('did not answer in time'));
  }

  /** @param done called once, with nothing after a failure; not at all when the try is canceled or replaced */
  fetch(done: (token: Token | undefined) => void): void {
    const { clock, token, tuning } = this.#context;
    const isFunction = typeof token === 'function';
    this.#done = done;
    this.#timeout.in(tuning.tokenTimeoutMs);
    const ask = async (): Promise<unknown> => (isFunction ? await token() : token);
    ask().then(
      (text) => {
        if (this.#done !== done) return;
        if (typeof text === 'string' && (text !== '' || text === token)) {
          this.#settle({ text, fetchedAt: isFunction ? clock.now() : undefined });
        } else this.#failed(`gave no token but ${text === '' ? 'an empty string' : typeof text}`);
      },
      (cause: unknown) => {
        if (this.#done === done) this.#failed('failed', cause);
      },
    );
  }

  /** Gives up the try that runs. */
  cancel(): void {
    this.#done = undefined;
    this.#timeout.clear();
  }

  #failed(problem: string, cause?: unknown): void {
    this.#context.fail('token', `the token function ${problem}`, cause);
    this.#settle(undefined);
  }

  #settle(token: Token | undefined): void {
    const done = this.#done;
    this.cancel();
    done?.(token);
  }
}
