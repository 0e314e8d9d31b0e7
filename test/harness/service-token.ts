import { SignJWT } from 'jose';
import type { Stack } from './running-stack.ts';

/** The token of a back end that acts as these users, or as all of them. */
export function serviceToken(
  { secret }: Stack,
  scopes: readonly string[],
  as: readonly string[] = ['*'],
): Promise<string> {
  const now = Math.floor(Date.now() / 1_000);
  return new SignJWT({ sub: 'back-end', iat: now, exp: now + 3_600, sixfold: { as, scopes } })
    .setProtectedHeader({ alg: 'HS256' })
    .sign(new TextEncoder().encode(secret));
}
