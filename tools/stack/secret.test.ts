import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { authSecretFile, readOrCreateSecret, readSecret } from './secret.ts';

/** A folder that is there for one test only. */
function temporary(): string {
  const folder = mkdtempSync(join(tmpdir(), 'sixfold-secret-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return folder;
}

test('a secret of 32 random bytes is made once, and only its owner may read it', () => {
  const path = authSecretFile(join(temporary(), 'data'));
  expect(readSecret(path)).toBeUndefined();
  const secret = readOrCreateSecret(path);
  expect(Buffer.from(secret, 'base64url')).toHaveLength(32);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(readFileSync(path, 'utf8')).toBe(`${secret}\n`);
  expect(readOrCreateSecret(path)).toBe(secret);
  expect(readOrCreateSecret(authSecretFile(temporary()))).not.toBe(secret);
});

test.for(['', '\n', 'half-of-a-secret', '\0\0\0'])('a secret that was cut off is made anew: %j', (rest) => {
  const path = authSecretFile(temporary());
  writeFileSync(path, rest);
  const secret = readOrCreateSecret(path);
  expect(Buffer.from(secret, 'base64url')).toHaveLength(32);
  expect(readSecret(path)).toBe(secret);
});
