/** Longest Retry-After that is honoured, milliseconds. */
export const MAX_RETRY_AFTER_MS = 900_000;

/**
 * Reads a Retry-After header (RFC 9110, 10.2.3): seconds, or an HTTP date.
 *
 * @param now milliseconds since the Unix epoch
 * @returns milliseconds to wait, at most MAX_RETRY_AFTER_MS; 0 if the header is missing, invalid or in the past
 */
export function retryAfterMs(header: string | null, now: number): number {
  const text = header?.trim() ?? '';
  // Date.parse accepts far more than HTTP dates, such as negative numbers; these begin with the day of the week.
  const ms = /^\d+$/.test(text)
    ? Number(text) * 1_000
    : /^[A-Z][a-z]+,? /.test(text)
      ? Date.parse(text) - now
      : 0;
  return Number.isNaN(ms) ? 0 : Math.min(Math.max(0, ms), MAX_RETRY_AFTER_MS);
}
