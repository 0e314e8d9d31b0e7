/** A token, or where to get one. A function is asked anew for every connection, and before a token expires. */
export type TokenSource = string | (() => string | Promise<string>);

export async function fetchToken(source: TokenSource): Promise<string> {
  return typeof source === 'string' ? source : await source();
}

/** When a JWT expires (its `exp`), in milliseconds since the epoch; undefined where it cannot be read. */
export function expiryOf(token: string): number | undefined {
  const payload = token.split('.')[1];
  if (payload === undefined) return undefined;
  try {
    const claims: unknown = JSON.parse(atob(payload.replaceAll('-', '+').replaceAll('_', '/')));
    const exp = typeof claims === 'object' && claims !== null && 'exp' in claims ? claims.exp : undefined;
    return typeof exp === 'number' ? exp * 1000 : undefined;
  } catch {
    // Not a JWT that can be read here. That is for the server to say; here it only means: no renewal in time.
    return undefined;
  }
}
