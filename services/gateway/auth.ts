import { createPublicKey } from 'node:crypto';
import { createRemoteJWKSet, errors, jwtVerify, type JWTPayload, type JWTVerifyOptions } from 'jose';
import { UserId } from '#libs/protocol/names.ts';
import { ConfigError } from '#libs/runtime/config.ts';
import type { GatewayConfig } from './config.ts';

export interface Identity {
  user: string;
  /** Milliseconds since the epoch */
  expiresAt: number;
}

/** The token cannot be trusted; or (`unavailable`) it cannot be told, since the keys are out of reach. */
export class AuthError extends Error {
  readonly code: 'unauthorized' | 'unavailable';

  constructor(code: 'unauthorized' | 'unavailable', message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

export type Verify = (token: string) => Promise<Identity>;

/** Algorithms by kind of public key. The key decides, never the token: no `none`, no HS256 with a public key. */
const ALGORITHMS: Record<string, string[]> = {
  rsa: ['RS256'],
  ec: ['ES256'],
  ed25519: ['EdDSA', 'Ed25519'],
};

type Read = (token: string, options: JWTVerifyOptions) => Promise<JWTPayload>;

function reader({ AUTH_SECRET, AUTH_JWKS_URL, AUTH_PUBLIC_KEY }: GatewayConfig): Read {
  if (AUTH_SECRET) {
    const key = new TextEncoder().encode(AUTH_SECRET);
    return async (token, options) =>
      (await jwtVerify(token, key, { ...options, algorithms: ['HS256'] })).payload;
  }
  if (AUTH_JWKS_URL) {
    const keys = createRemoteJWKSet(new URL(AUTH_JWKS_URL));
    const algorithms = Object.values(ALGORITHMS).flat();
    return async (token, options) => (await jwtVerify(token, keys, { ...options, algorithms })).payload;
  }
  const { key, algorithms } = publicKey(AUTH_PUBLIC_KEY ?? '');
  return async (token, options) => (await jwtVerify(token, key, { ...options, algorithms })).payload;
}

function publicKey(pem: string) {
  try {
    const key = createPublicKey(pem.replaceAll('\\n', '\n')); // env files write line ends as \n
    const algorithms = ALGORITHMS[key.asymmetricKeyType ?? ''];
    const { namedCurve = 'prime256v1', modulusLength = 2_048 } = key.asymmetricKeyDetails ?? {};
    if (algorithms && namedCurve === 'prime256v1' && modulusLength >= 2_048) return { key, algorithms };
  } catch {
    // falls through: what it must be says more than why OpenSSL could not read it
  }
  throw new ConfigError(
    'AUTH_PUBLIC_KEY must be an RSA (2048 bits or more), P-256 or Ed25519 public key in PEM',
  );
}

/** Failures that say nothing about the token. */
const OUT_OF_REACH = new Set(['ERR_JWKS_TIMEOUT', 'ERR_JWKS_INVALID', 'ERR_JOSE_GENERIC']);

/**
 * Verifies tokens: a JWT with `sub` (the user id) and `exp` (PROTOCOL: login:R).
 *
 * @throws ConfigError at once; the verifier AuthError
 */
export function createVerifier(config: GatewayConfig): Verify {
  const read = reader(config);
  return async (token) => {
    let payload: JWTPayload;
    try {
      payload = await read(token, { requiredClaims: ['sub', 'exp'] });
    } catch (error) {
      if (!(error instanceof errors.JOSEError) || OUT_OF_REACH.has(error.code))
        throw new AuthError('unavailable', 'the keys that tokens are checked with are out of reach', {
          cause: error,
        });
      const why =
        error instanceof errors.JWTExpired ? 'the token has expired' : 'the token cannot be trusted';
      throw new AuthError('unauthorized', why, { cause: error });
    }
    const user = UserId.safeParse(payload.sub);
    if (!user.success) throw new AuthError('unauthorized', "the token's sub is not a user id");
    return { user: user.data, expiresAt: (payload.exp ?? 0) * 1_000 };
  };
}
