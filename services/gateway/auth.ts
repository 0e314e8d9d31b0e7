import { createPublicKey } from 'node:crypto';
import { errors, jwtVerify, type JWTPayload, type JWTVerifyOptions } from 'jose';
import { UserId } from '#libs/protocol/names.ts';
import { ConfigError } from '#libs/runtime/config.ts';
import type { Logger } from '#libs/runtime/logger.ts';
import { type CanSend, readCanSend } from './authorize/can-send.ts';
import type { GatewayConfig } from './config.ts';
import { readServiceClaim, type ServiceClaim } from './service-claim.ts';
import { isShortSecret } from './settings/access.ts';
import { KeySet, KeysOutOfReach } from './key-set.ts';

export interface Identity {
  user: string;
  /** Milliseconds since the epoch */
  expiresAt: number;
  /** When the token was issued, seconds since the epoch; a token need not say it. */
  issuedAt: number | undefined;
  /** Whom the user may write to; undefined: everybody. */
  canSend: CanSend | undefined;
  /** Set: no user's token. It acts as others, over HTTP. */
  service: ServiceClaim | undefined;
}

/**
 * The token cannot be trusted; or (`unavailable`) it cannot be told, since the keys are out of reach, or unusable: then
 * there is a `cause` to be logged.
 */
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

interface Reader {
  read: (token: string, options: JWTVerifyOptions) => Promise<JWTPayload>;
  stop: () => void;
}

/** How far the issuer's clock may be ahead of ours, seconds: a token whose `nbf` comes that soon is valid. */
const CLOCK_TOLERANCE_S = 5;

/** Least time between two fetches of an issuer's keys, milliseconds. At most a share of what keys may be old. */
const KEYS_COOLDOWN_MS = 3_000;
const KEYS_COOLDOWN_SHARE = 0.2;

const NOTHING_TO_STOP = () => undefined;

function reader(config: GatewayConfig, log: Logger): Reader {
  const { AUTH_SECRET, AUTH_JWKS_URL, AUTH_PUBLIC_KEY } = config;
  if (AUTH_SECRET) {
    if (isShortSecret(AUTH_SECRET))
      log.warn('AUTH_SECRET has less than 32 bytes: anybody with a token can find it by trying');
    return { read: withKey(secretKey(AUTH_SECRET), ['HS256']), stop: NOTHING_TO_STOP };
  }
  if (AUTH_JWKS_URL) {
    const { AUTH_JWKS_CACHE_MS: cacheMs } = config;
    const cooldownMs = Math.min(KEYS_COOLDOWN_MS, cacheMs * KEYS_COOLDOWN_SHARE);
    const keys = new KeySet({ url: AUTH_JWKS_URL, cacheMs, cooldownMs, log });
    return { read: withKeySet(keys, Object.values(ALGORITHMS).flat()), stop: () => keys.stop() };
  }
  const { key, algorithms } = publicKey(AUTH_PUBLIC_KEY ?? '');
  return { read: withKey(key, algorithms), stop: NOTHING_TO_STOP };
}

type Key = Parameters<typeof jwtVerify>[1];

const withKey =
  (key: Key | Promise<Key>, algorithms: string[]): Reader['read'] =>
  async (token, options) =>
    (await jwtVerify(token, await key, { ...options, algorithms })).payload;

/** Imported once: from bytes, jose would import it for each token. */
const secretKey = (secret: string) =>
  crypto.subtle.importKey('raw', new TextEncoder().encode(secret), { name: 'HMAC', hash: 'SHA-256' }, false, [
    'verify',
  ]);

/** Of a set, jose takes only keys whose kind (and `alg` and `use`, if they say so) fits the token's algorithm. */
const withKeySet =
  (keys: KeySet, algorithms: string[]): Reader['read'] =>
  async (token, options) => {
    try {
      return (await jwtVerify(token, keys.find, { ...options, algorithms })).payload;
    } catch (error) {
      if (!(error instanceof errors.JWKSMultipleMatchingKeys)) throw error;
      // The token does not say which of them (no `kid`).
      for await (const key of error) {
        try {
          return (await jwtVerify(token, key, { ...options, algorithms })).payload;
        } catch (other) {
          if (!(other instanceof errors.JWSSignatureVerificationFailed)) throw other;
        }
      }
      throw new errors.JWSSignatureVerificationFailed();
    }
  };

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

/** The token is at fault, not the keys or we. */
const isTokenFault = (error: unknown) =>
  error instanceof errors.JOSEError && !(error instanceof errors.JWKSInvalid);

/** What a token that can be trusted says. @throws AuthError */
function identityOf(payload: JWTPayload): Identity {
  const user = UserId.safeParse(payload.sub);
  if (!user.success) throw new AuthError('unauthorized', "the token's sub is not a user id");
  // The tolerance is for nbf only: a session ends when its token expires (PROTOCOL: login:R), so none begins later.
  const expiresAt = (payload.exp ?? 0) * 1_000;
  if (expiresAt <= Date.now()) throw new AuthError('unauthorized', 'the token has expired');
  const canSend = readCanSend(payload['can_send']);
  if (canSend === 'unreadable')
    throw new AuthError('unauthorized', "the token's can_send is not a list of user ids and patterns");
  const service = readServiceClaim(payload['sixfold']);
  if (service === 'unreadable')
    throw new AuthError('unauthorized', `the token's sixfold is not {"as": [user ids], "scopes": [scopes]}`);
  return { user: user.data, expiresAt, issuedAt: payload.iat, canSend, service };
}

/**
 * Verifies tokens: a JWT with `sub` (the user id) and `exp` (PROTOCOL: login:R).
 *
 * @throws ConfigError at once; `verify` AuthError
 */
export function createVerifier(config: GatewayConfig, log: Logger): { verify: Verify; stop: () => void } {
  const { read, stop } = reader(config, log);
  const options: JWTVerifyOptions = {
    requiredClaims: ['sub', 'exp'],
    clockTolerance: CLOCK_TOLERANCE_S,
    ...(config.AUTH_ISSUER !== undefined && { issuer: config.AUTH_ISSUER }),
    ...(config.AUTH_AUDIENCE !== undefined && { audience: config.AUTH_AUDIENCE }),
  };
  const verify: Verify = async (token) => {
    let payload: JWTPayload;
    try {
      payload = await read(token, options);
    } catch (error) {
      if (!isTokenFault(error))
        throw new AuthError('unavailable', 'the keys that tokens are checked with are out of reach', {
          cause: error instanceof KeysOutOfReach ? undefined : error,
        });
      const why =
        error instanceof errors.JWTExpired ? 'the token has expired' : 'the token cannot be trusted';
      throw new AuthError('unauthorized', why, { cause: error });
    }
    return identityOf(payload);
  };
  return { verify, stop };
}
