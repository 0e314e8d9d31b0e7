import { CLOSE_UNAUTHORIZED, isFinalClose } from './close-codes.ts';
import { isFresh, type Token } from './token.ts';

/** So many tokens in a row that were fetched for their login may be refused. */
const MAX_FRESH_REFUSED = 3;

/**
 * Which closes are for good (PROTOCOL: error codes and close codes, last paragraphs). 4401 is one only where no better
 * token can be had: the end of a session by expiry, and the refusal of a token that has become old, only ask for a
 * fresh one.
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
