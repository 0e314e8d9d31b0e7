import { SignJWT } from 'jose';
import type { GatewayConfig } from '../config.ts';

/** How long a demo token is valid, seconds. The page gets a new one before that. */
const LIFETIME_S = 600;

type Keys = Pick<GatewayConfig, 'AUTH_SECRET' | 'AUTH_ISSUER' | 'AUTH_AUDIENCE'>;

/** A token that this gateway accepts for `user`, or undefined where it has no AUTH_SECRET to sign with. */
export async function demoToken(user: string, keys: Keys): Promise<string | undefined> {
  const { AUTH_SECRET, AUTH_ISSUER, AUTH_AUDIENCE } = keys;
  if (!AUTH_SECRET) return undefined;
  const jwt = new SignJWT().setProtectedHeader({ alg: 'HS256' }).setSubject(user).setIssuedAt();
  if (AUTH_ISSUER !== undefined) jwt.setIssuer(AUTH_ISSUER);
  if (AUTH_AUDIENCE !== undefined) jwt.setAudience(AUTH_AUDIENCE);
  return jwt.setExpirationTime(`${LIFETIME_S} s`).sign(new TextEncoder().encode(AUTH_SECRET));
}
