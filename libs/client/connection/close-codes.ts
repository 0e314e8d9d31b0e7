/** The same user and device connected again. */
export const CLOSE_REPLACED = 4409;

/** An operator ended the sessions of this user, or the user has too many devices. */
export const CLOSE_NOT_WANTED = 4403;

/** The token was refused, or the session ended with it. Final or not: see {@link ClosePolicy}. */
export const CLOSE_UNAUTHORIZED = 4401;

/** Older than the ranges below. */
const COME_BACK = new Set([4408, 4413, 4429]);

const NAMES: Readonly<Record<number, string>> = {
  1009: 'too_large',
  1012: 'draining',
  1013: 'overloaded',
  4400: 'bad_packet',
  [CLOSE_UNAUTHORIZED]: 'unauthorized',
  [CLOSE_NOT_WANTED]: 'revoked',
  4408: 'login_timeout',
  [CLOSE_REPLACED]: 'replaced',
  4413: 'slow_consumer',
  4429: 'rate_limited',
};

/**
 * Closes after which the client stays away: it would be refused the same way again, or must make room. The codes from
 * 4400 to 4449 are such, also those that this client does not know (PROTOCOL: error codes and close codes, last
 * paragraphs). After every other close it comes back.
 */
export const isFinalClose = (code: number): boolean => code >= 4400 && code < 4450 && !COME_BACK.has(code);

/** A name for people and logs. */
export const closeName = (code: number): string => NAMES[code] ?? `closed (${code})`;
