import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { setting } from './environment.ts';
import { readIfThere, writeWholeFile } from './whole-file.ts';

/** File of the generated token secret in a stack's data directory. */
export const authSecretFile = (dataDir: string): string => join(dataDir, 'secret');

/** File of the generated key of read receipts. */
export const receiptSecretFile = (dataDir: string): string => join(dataDir, 'receipt-secret');

/** File of the generated key that webhooks are signed with. */
export const webhookSecretFile = (dataDir: string): string => join(dataDir, 'webhook-secret');

/** The secret in `path` (trimmed), or undefined when there is no such file. */
export const readSecret = (path: string): string | undefined => readIfThere(path)?.trim();

const SECRET_BYTES = 32;

/**
 * The secret in `path`; on first use 32 random bytes, written readable by the owner only. One that is shorter was cut off
 * (a full disk, a power failure), and fits nothing any more.
 */
export function readOrCreateSecret(
  path: string,
  prefix = '',
  encoding: BufferEncoding = 'base64url',
): string {
  const existing = readSecret(path);
  if (existing && Buffer.byteLength(existing) >= SECRET_BYTES) return existing;
  const secret = prefix + randomBytes(SECRET_BYTES).toString(encoding);
  writeWholeFile(path, `${secret}\n`, 0o600);
  return secret;
}

/** AUTH_SECRET, trimmed; undefined when it is unset or empty. */
export const secretFromEnvironment = (): string | undefined => setting('AUTH_SECRET');

/** Whether gateways check tokens with a public key instead of a shared secret. */
export const usesPublicKey = (): boolean =>
  setting('AUTH_JWKS_URL') !== undefined || setting('AUTH_PUBLIC_KEY') !== undefined;
