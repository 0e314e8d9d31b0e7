/** The same user and device connected again. */
export const CLOSE_REPLACED = 4409;

/**
 * Closes after which the client stays away: it would be refused the same way again, or must make room (PROTOCOL: error
 * codes and close codes, last paragraph). After every other close it comes back.
 */
const FINAL: Readonly<Record<number, string>> = {
  4400: 'bad_packet',
  4401: 'unauthorized',
  [CLOSE_REPLACED]: 'replaced',
};

const NAMES: Readonly<Record<number, string>> = {
  ...FINAL,
  1009: 'too_large',
  1012: 'draining',
  1013: 'overloaded',
  4408: 'login_timeout',
  4413: 'slow_consumer',
  4429: 'rate_limited',
};

export const isFinalClose = (code: number): boolean => code in FINAL;

/** A name for people and logs. */
export const closeName = (code: number): string => NAMES[code] ?? `closed (${code})`;
