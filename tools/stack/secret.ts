import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setting } from './environment.ts';
import { writeWholeFile } from './whole-file.ts';

/** File of the generated token secret in a stack's data directory. */
export const authSecretFile = (dataDir: string): string => join(dataDir, 'secret');

/** The secret in `path` (trimmed), or undefined when there is no such file. */
export function readSecret(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

const SECRET_BYTES = 32;

/**
 * The secret in `path`; on first use 32 random bytes, written readable by the owner only. One that is shorter was cut off
 * (a full disk, a power failure), and fits nothing any more.
 */
export function readOrCreateSecret(path: string): string {
  const existing = readSecret(path);
  if (existing && Buffer.byteLength(existing) >= SECRET_BYTES) return existing;
  const secret = randomBytes(SECRET_BYTES).toString('base64url');
  writeWholeFile(path, `${secret}\n`, 0o600);
  return secret;
}

/** AUTH_SECRET, trimmed; undefined when it is unset or empty. */
export function secretFromEnvironment(): string | undefined {
  return setting('AUTH_SECRET');
}

/** Whether gateways check tokens with a public key instead of a shared secret. */
export function usesPublicKey(): boolean {
  return setting('AUTH_JWKS_URL') !== undefined || setting('AUTH_PUBLIC_KEY') !== undefined;
}
