import { type JWTPayload, SignJWT } from 'jose';

/** User ids as in PROTOCOL.md, names and types. */
const USER_ID = /^[A-Za-z0-9._:@-]{1,128}$/;

/**
 * A token with which a gateway lets `user` in: HS256, with the UTF-8 bytes of the trimmed secret as key.
 * @param expiresSeconds from now; negative for a token that has expired already
 * @param claims beside `sub`, `iat` and `exp`
 * @throws Error when `user` is not a user id
 */
export async function signToken(
  secret: string,
  user: string,
  expiresSeconds = 3_600,
  claims: JWTPayload = {},
): Promise<string> {
  if (!USER_ID.test(user)) {
    throw new Error(`"${user}" is no user id: 1 to 128 of the characters A-Z a-z 0-9 . _ : @ -`);
  }
  const now = Math.floor(Date.now() / 1000);
  return new SignJWT(claims)
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject(user)
    .setIssuedAt(now)
    .setExpirationTime(now + expiresSeconds)
    .sign(new TextEncoder().encode(secret.trim()));
}
