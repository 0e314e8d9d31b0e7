import { claimsOf } from './claims.ts';

/** A token, or where to get one. A function is asked anew for every connection, and before a token expires. */
export type TokenSource = string | (() => string | Promise<string>);

export async function fetchToken(source: TokenSource): Promise<string> {
  return typeof source === 'string' ? source : await source();
}

/** When a JWT expires (its `exp`), in milliseconds since the epoch; undefined where it cannot be read. */
export function expiryOf(token: string): number | undefined {
  const exp = claimsOf(token)?.['exp'];
  return typeof exp === 'number' ? exp * 1000 : undefined;
}
