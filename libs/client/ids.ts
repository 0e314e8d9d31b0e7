/** Bytes of randomness in the ids of one client run. */
const RANDOM_BYTES = 12;

/**
 * Makes unique message ids: a random part for this run, and a counter. (Not `crypto.randomUUID`, which browsers have only
 * on secure pages.)
 */
export function idMaker(): () => string {
  const bytes = crypto.getRandomValues(new Uint8Array(RANDOM_BYTES));
  const run = Array.from(bytes, (byte) => byte.toString(36).padStart(2, '0')).join('');
  let count = 0;
  return () => `${run}-${(++count).toString(36)}`;
}
