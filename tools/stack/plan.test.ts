import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { readGatewayConfig } from '../../services/gateway/config.ts';
import { gatewaySecret } from './plan.ts';

let dataDir: string;

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'sixfold-plan-'));
  for (const name of ['AUTH_SECRET', 'AUTH_SECRET_MIN_BYTES', 'AUTH_JWKS_URL', 'AUTH_PUBLIC_KEY'])
    vi.stubEnv(name, '');
});

afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(dataDir, { recursive: true });
});

/** As a gateway of the local stack reads its settings. */
const read = () => readGatewayConfig({ ...process.env, ...gatewaySecret(dataDir) });

test('a gateway gets a secret of its own data folder, long enough by itself', () => {
  const { AUTH_SECRET, AUTH_SECRET_MIN_BYTES } = read();
  expect(AUTH_SECRET_MIN_BYTES).toBe(32);
  expect(read().AUTH_SECRET).toBe(AUTH_SECRET);
});

test('the secret of the environment is taken, however short, unless the environment says how long it must be', () => {
  vi.stubEnv('AUTH_SECRET', 'short');
  expect(read().AUTH_SECRET).toBe('short');
  vi.stubEnv('AUTH_SECRET_MIN_BYTES', '16');
  expect(read).toThrow('AUTH_SECRET must have at least 16 bytes');
});
