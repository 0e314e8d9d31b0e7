import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, expect, onTestFinished, test } from 'vitest';
import { REPOSITORY } from './stack/environment.ts';

/** The secrets of docker compose: deploy/secrets.mjs. */

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'sixfold-secrets-'));
  onTestFinished(() => rmSync(root, { recursive: true }));
});

const make = (env: NodeJS.ProcessEnv = {}) =>
  execFileSync(process.execPath, [join(REPOSITORY, 'deploy/secrets.mjs'), root], { env, encoding: 'utf8' });

const read = (file: string) => readFileSync(join(root, file), 'utf8').trim();
const files = () =>
  readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((file) =>
    statSync(join(root, file)).isFile(),
  );
const all = () => Object.fromEntries(files().map((file) => [file, read(file)]));

test('all are made once, and none is said', () => {
  const said = make();
  const made = all();
  expect(Object.keys(made).sort()).toEqual([
    'console/amqp-url',
    'console/console-token',
    'console/database-url',
    'gateway/amqp-url',
    'gateway/auth-secret',
    'gateway/receipt-secret',
    'gateway/receipt-secret-previous',
    'grafana/password',
    'postgres/password',
    'postgres/services-password',
    'rabbitmq/cookie',
    'rabbitmq/password',
    'webhook/amqp-url',
    'webhook/webhook-secret',
    'workers/amqp-url',
    'workers/database-url',
  ]);
  for (const value of Object.values(made)) expect(said).not.toContain(value);
  const own = Object.entries(made).filter(([file]) => !file.endsWith('-url'));
  expect(new Set(own.map(([, value]) => value)).size).toBe(own.length);
  for (const [file, value] of own)
    if (file.startsWith('webhook/')) expect(value).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
    else expect(value).toMatch(/^[0-9a-f]{64}$/);
  expect(made['gateway/amqp-url']).toBe(
    `amqp://sixfold:${made['rabbitmq/password'] ?? ''}@rabbitmq:5672/sixfold`,
  );
  make();
  expect(all()).toEqual(made);
});

test('what .env sets is taken, whatever is in it, and an empty variable is none', () => {
  make();
  const before = all();
  make({ SIXFOLD_DATABASE_PASSWORD: "it's/a:p@ss", AUTH_SECRET: 'mine', GRAFANA_PASSWORD: '' });
  expect(read('gateway/auth-secret')).toBe('mine');
  expect(read('postgres/services-password')).toBe("it's/a:p@ss");
  expect(decodeURIComponent(new URL(read('workers/database-url')).password)).toBe("it's/a:p@ss");
  expect(read('grafana/password')).toBe(before['grafana/password']);
});

test('the addresses name every node', () => {
  make({ BROKER_NODES: 'a b', SIXFOLD_BROKER_PASSWORD: 'p' });
  expect(read('workers/amqp-url')).toBe('amqp://sixfold:p@a:5672/sixfold,amqp://sixfold:p@b:5672/sixfold');
});

test('one that was cut off before it was used is made anew', () => {
  make();
  rmSync(join(root, 'gateway/auth-secret'));
  writeFileSync(join(root, 'gateway/auth-secret'), '');
  make();
  expect(read('gateway/auth-secret')).toMatch(/^[0-9a-f]{64}$/);
});
