import { hostname } from 'node:os';
import { z } from 'zod';
import { integer, webAddress } from '#libs/runtime/config.ts';
import { allowPlainHttp } from '#libs/runtime/plain-http.ts';

/** Size of a SHA-256 hash. */
const SHA256_BYTES = 32;

const defaultId = () =>
  `${hostname()
    .replace(/[^A-Za-z0-9_-]/g, '-')
    .slice(0, 48)}-${process.pid}`;

const receiptSecret = z
  .string()
  .trim()
  .refine((secret) => Buffer.byteLength(secret) >= SHA256_BYTES, {
    error: `must have at least ${SHA256_BYTES} bytes; \`openssl rand -base64 32\` makes one`,
  })
  .optional();

/** Who the gateway is, and whose tokens it trusts. */
export const accessConfig = {
  GATEWAY_ID: z
    .string()
    .regex(/^[A-Za-z0-9_-]{1,64}$/, { error: 'must be 1 to 64 of A-Z a-z 0-9 _ -' })
    .default(defaultId)
    .meta({
      default: 'host name and process id',
      description:
        'Name of this gateway: 1 to 64 of `A-Z a-z 0-9 _ -`. Gateways that run at the same time need different names.',
    }),
  AUTH_SECRET: z.string().trim().optional().meta({
    description:
      'Shared secret for HS256: its UTF-8 bytes, trimmed. `npm start` makes one and keeps it in its data folder.',
  }),
  AUTH_SECRET_MIN_BYTES: integer(SHA256_BYTES).meta({
    unit: 'bytes',
    description:
      'A gateway with a shorter `AUTH_SECRET` does not start: with one token, an attacker can guess a short secret ' +
      'offline (RFC 7518, 3.2). `npm start` accepts any length and logs a warning: its gateways listen on this machine only.',
  }),
  AUTH_JWKS_URL: webAddress.optional().meta({
    description: 'Address of a JSON Web Key Set (RS256, ES256, EdDSA). [More below](#keys-of-an-issuer).',
  }),
  AUTH_JWKS_CACHE_MS: integer(600_000, 100, 24 * 60 * 60 * 1_000).meta({
    unit: 'ms',
    description: 'Pause between two fetches of these keys. A withdrawn key lets new logins in for that long.',
  }),
  AUTH_PUBLIC_KEY: z.string().optional().meta({
    description:
      'One public key in PEM (RSA of 2048 bits or more, P-256 or Ed25519); line ends may be written as `\\n`.',
  }),
  AUTH_ISSUER: z.string().optional().meta({ description: 'If set, `iss` of the token must be this.' }),
  AUTH_AUDIENCE: z
    .string()
    .optional()
    .meta({
      description:
        'If set, `aud` of the token must contain this. Set it if your issuer also makes tokens for other services: ' +
        'without it, those tokens log in here.',
    }),
  RECEIPT_SECRET: receiptSecret.meta({
    description:
      'Key of the proofs for read receipts, at least 32 bytes, the same for all gateways. Unset, it is derived from ' +
      '`AUTH_SECRET`; without that, senders get no read receipts.',
  }),
  RECEIPT_SECRET_PREVIOUS: receiptSecret.meta({
    description:
      'The key before it, while it is changed: messages handed out with it can still be confirmed as read.',
  }),
  ALLOW_PLAIN_HTTP: allowPlainHttp,
  LOGIN_TIMEOUT_MS: integer(5_000, 100).meta({
    unit: 'ms',
    description:
      'Longest time without a `login:R`; then close 4408 (`login_timeout`). A `login:R` that the gateway cannot ' +
      'register yet waits for that long, then gets `unavailable`. Without a lease for longer, the gateway answers ' +
      'upgrades with 503 (`not_ready`).',
  }),
};

/** Whether the secret is shorter than what RFC 7518, 3.2 asks for. */
export const isShortSecret = (secret: string): boolean => Buffer.byteLength(secret) < SHA256_BYTES;
