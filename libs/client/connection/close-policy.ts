import { CLOSE_UNAUTHORIZED, isFinalClose } from './close-codes.ts';
import { isFresh, type Token } from './token.ts';

/** The close is final after this many refusals in a row of tokens that were fetched for their login. */
const MAX_FRESH_REFUSED = 3;

/**
 * Decides which closes are final (PROTOCOL: error codes and close codes, last paragraphs). 4401 is final only when the
 * client cannot get a better token: after a session expired, or an old token was refused, it fetches a new one.
 */
export class ClosePolicy {
  readonly #canFetch: boolean;
  #inARow = 0;

  /** @param canFetch the token is a function */
  constructor(canFetch: boolean) {
    this.#canFetch = canFetch;
  }

  /** A token was accepted, or the caller wants to try again. */
  reset(): void {
    this.#inARow = 0;
  }

  /** @param token the one of the login:R that had no answer; undefined on a session whose token had been accepted */
  isFinal(code: number, token: Token | undefined, now: number): boolean {
    if (code !== CLOSE_UNAUTHORIZED || !this.#canFetch) return isFinalClose(code);
    if (token && isFresh(token, now)) this.#inARow++;
    return this.#inARow >= MAX_FRESH_REFUSED;
  }
}
