/** What a JWT says, as far as it can be read here. Whether it is true is for the server to say. */
export function claimsOf(token: unknown): Readonly<Record<string, unknown>> | undefined {
  const payload = typeof token === 'string' ? token.split('.')[1] : undefined;
  if (payload === undefined) return undefined;
  try {
    // UTF-8 in a byte string; a user id is ASCII.
    const claims: unknown = JSON.parse(atob(payload.replaceAll('-', '+').replaceAll('_', '/')));
    return typeof claims === 'object' && claims !== null ? { ...claims } : undefined;
  } catch {
    // Not a JWT that can be read here.
    return undefined;
  }
}

/** The user that a token is for (its `sub`). */
export function subjectOf(token: unknown): string | undefined {
  const sub = claimsOf(token)?.['sub'];
  return typeof sub === 'string' ? sub : undefined;
}
