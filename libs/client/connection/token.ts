import { claimsOf } from './claims.ts';
import { ClientError } from '../errors.ts';
import { Alarm, type Clock } from '../timing/clock.ts';

/** A token, or where to get one. A function is asked anew for every connection, and before a token expires. */
export type TokenSource = string | (() => string | Promise<string>);

/** A token older than this was not fetched for the login that it is refused at, milliseconds (PROTOCOL: 4401). */
const FRESH_MS = 10_000;

export interface Token {
  readonly text: string;
  /** When it came, on the clock's `now()`; undefined for one that was given as a string. */
  readonly fetchedAt: number | undefined;
}

/** Was it fetched for this very login? */
export const isFresh = ({ fetchedAt }: Token, now: number): boolean =>
  fetchedAt !== undefined && now - fetchedAt <= FRESH_MS;

export interface TokenOptions {
  readonly token: TokenSource;
  readonly clock: Clock;
  readonly tuning: { readonly tokenTimeoutMs: number };
}

/**
 * Asks for tokens, one try at a time, each with a time limit. An answer that comes after its try was given up is not
 * used: nobody knows how old it is by then, or which login it was for.
 */
export class TokenFetcher {
  readonly #options: TokenOptions;
  readonly #patience: Alarm;
  #done: ((result: Token | ClientError) => void) | undefined;

  constructor(options: TokenOptions) {
    this.#options = options;
    this.#patience = new Alarm(options.clock, () => this.#failed('did not answer in time'));
  }

  /** @param done called once, unless the try is canceled or replaced by another one */
  fetch(done: (result: Token | ClientError) => void): void {
    const { clock, token, tuning } = this.#options;
    this.#done = done;
    this.#patience.in(tuning.tokenTimeoutMs);
    const isWanted = () => this.#done === done;
    const ask = async (): Promise<unknown> => (typeof token === 'string' ? token : await token());
    ask().then(
      (text) => {
        if (!isWanted()) return;
        if (typeof text === 'string' && (text !== '' || text === token)) {
          this.#settle({ text, fetchedAt: typeof token === 'string' ? undefined : clock.now() });
        } else this.#failed(`gave no token but ${text === '' ? 'an empty string' : typeof text}`);
      },
      (cause: unknown) => {
        if (isWanted()) this.#failed('failed', cause);
      },
    );
  }

  /** Gives up the try that runs. */
  cancel(): void {
    this.#done = undefined;
    this.#patience.clear();
  }

  #failed(what: string, cause?: unknown): void {
    this.#settle(new ClientError('token', `the token function ${what}`, { cause }));
  }

  #settle(result: Token | ClientError): void {
    const done = this.#done;
    this.cancel();
    done?.(result);
  }
}

/** When a JWT expires (its `exp`), in milliseconds since the epoch; undefined where it cannot be read. */
export function expiryOf(token: string): number | undefined {
  const exp = claimsOf(token)?.['exp'];
  return typeof exp === 'number' ? exp * 1000 : undefined;
}
