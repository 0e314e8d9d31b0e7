import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { childEnvironment, setting } from './environment.ts';
import { gatewaySecret } from './plan.ts';

const folder = mkdtempSync(join(tmpdir(), 'sixfold-environment-'));
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true, force: true });
});

test('npm start, too, takes settings from files, and hands on the one it decides on', () => {
  const path = join(folder, 'url');
  writeFileSync(path, 'amqp://there\n');
  vi.stubEnv('AMQP_URL', '');
  vi.stubEnv('AMQP_URL_FILE', path);
  vi.stubEnv('AUTH_SECRET', '');
  vi.stubEnv('AUTH_SECRET_FILE', path);
  expect(setting('AMQP_URL')).toBe('amqp://there');
  expect(gatewaySecret(folder)).not.toHaveProperty('AUTH_SECRET'); // the gateway reads the file itself
  const env = childEnvironment(folder, { AMQP_URL: 'amqp://there' });
  expect(env).toMatchObject({ AMQP_URL: 'amqp://there', AUTH_SECRET_FILE: path });
  expect(env).not.toHaveProperty('AMQP_URL_FILE');
});

test('a file that is not there is an error, and not another secret', () => {
  vi.stubEnv('AUTH_SECRET', '');
  vi.stubEnv('AUTH_SECRET_FILE', '/nowhere');
  expect(() => setting('AUTH_SECRET')).toThrow('AUTH_SECRET_FILE names a file that cannot be read: ENOENT');
});
