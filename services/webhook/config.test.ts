import { expect, test } from 'vitest';
import { ConfigError } from '#libs/runtime/config.ts';
import { readWebhookConfig } from './config.ts';

const secret = (bytes: number, letter = 'k') => `whsec_${Buffer.alloc(bytes, letter).toString('base64')}`;
const [url, key] = ['https://backend.example/events', secret(24)];

test.each([
  [{ WEBHOOK_SECRET: key }, 'WEBHOOK_URL and WEBHOOK_SECRET must be set'],
  [{ WEBHOOK_URL: url }, 'WEBHOOK_URL and WEBHOOK_SECRET must be set'],
  [{ WEBHOOK_URL: 'ftp://backend.example/', WEBHOOK_SECRET: key }, 'WEBHOOK_URL must be'],
  [{ WEBHOOK_URL: 'https://me:hunter2@backend.example/', WEBHOOK_SECRET: key }, 'WEBHOOK_URL must not hold'],
  [{ WEBHOOK_URL: 'http://backend.example/', WEBHOOK_SECRET: key }, 'WEBHOOK_URL must begin with https://'],
  [{ WEBHOOK_URL: url, WEBHOOK_SECRET: secret(23) }, 'WEBHOOK_SECRET must be whsec_'],
  [
    { WEBHOOK_URL: url, WEBHOOK_SECRET: 'whsec_hunter2-hunter2-hunter2-hunter2-hunter2' },
    'WEBHOOK_SECRET must be',
  ],
  [{ WEBHOOK_URL: url, WEBHOOK_SECRET: key.slice('whsec_'.length) }, 'WEBHOOK_SECRET must be'],
  [{ WEBHOOK_URL: url, WEBHOOK_SECRET: `${key},${key},${key}` }, 'or two of these'],
  [{ WEBHOOK_URL: url, WEBHOOK_SECRET: `${key},` }, 'WEBHOOK_SECRET must be'],
  [{ WEBHOOK_URL: url, WEBHOOK_SECRET: key, WEBHOOK_MAX_HOURS: '0' }, 'WEBHOOK_MAX_HOURS must be above 0'],
])('%o cannot be used', (env, why) => {
  const read = () => readWebhookConfig(env);
  expect(read).toThrow(ConfigError);
  expect(read).toThrow(why);
  expect(read).not.toThrow('hunter2');
});

test.each(['http://localhost:3000/', 'http://127.0.0.1/', 'http://[::1]:3000/'])(
  '%s is this machine',
  (local) => {
    expect(readWebhookConfig({ WEBHOOK_URL: local, WEBHOOK_SECRET: key }).WEBHOOK_URL).toBe(local);
  },
);

test('plain http elsewhere, if the operator says so; two secrets, with a space', () => {
  const plain = { WEBHOOK_URL: 'http://backend/', ALLOW_PLAIN_HTTP: 'true' };
  const secrets = [secret(32, 'a'), secret(64, 'b')];
  expect(readWebhookConfig({ ...plain, WEBHOOK_SECRET: secrets.join(', ') })).toMatchObject({
    WEBHOOK_URL: 'http://backend/',
    WEBHOOK_SECRET: secrets,
    WEBHOOK_MAX_HOURS: 24,
    EVENTS: [],
  });
});
