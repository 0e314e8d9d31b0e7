import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { rootCertificates } from 'node:tls';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { address, certificates, common, ConfigError, decimal, integer, readConfig } from './config.ts';

const shape = {
  WINDOW: integer(128, 1, 1_000),
  DAYS: decimal(30),
  URL: address('amqp://here', 'amqp', 'amqps'),
  SECRET: z.string().min(8, { error: 'must have 8 characters' }).optional(),
};

/** The error that reading this environment gives. */
function errorOf(env: Record<string, string>): unknown {
  try {
    return readConfig(shape, env);
  } catch (error) {
    return error;
  }
}

test.each(['/nowhere/ca.pem', import.meta.filename])('%s is no file with certificates', (path) => {
  expect(() => readConfig({ CA: certificates() }, { CA: path })).toThrow(/CA must be the path of a file/);
});

test.for([
  ['::', '::'],
  ['[::1]', '::1'],
  ['127.0.0.1', '127.0.0.1'],
])('HOST=%s listens on %s', ([given, host]) => {
  expect(readConfig({ HOST: common.HOST }, { HOST: given }).HOST).toBe(host);
});

test('a file with certificates is taken by its path, and may be left out', () => {
  const path = join(mkdtempSync(join(tmpdir(), 'sixfold-ca-')), 'ca.pem');
  writeFileSync(path, rootCertificates.slice(0, 2).join('\n'));
  expect(readConfig({ CA: certificates() }, { CA: path })).toEqual({ CA: path });
  expect(readConfig({ CA: certificates() }, {})).toEqual({});
});

describe('readConfig', () => {
  test('fills in defaults; an empty variable is an unset one', () => {
    expect(readConfig(shape, { WINDOW: '' })).toEqual({ WINDOW: 128, DAYS: 30, URL: 'amqp://here' });
  });

  test('reads numbers', () => {
    expect(readConfig(shape, { WINDOW: '7', DAYS: '0.5' })).toMatchObject({ WINDOW: 7, DAYS: 0.5 });
  });

  test('names every variable that is off, in one error', () => {
    const error = errorOf({ WINDOW: '0', DAYS: 'soon', URL: 'http://x' });
    expect(error).toBeInstanceOf(ConfigError);
    expect(String(error)).toMatch(/WINDOW must be at least 1/);
    expect(String(error)).toMatch(/DAYS must be a number/);
    expect(String(error)).toMatch(/URL must start with amqp:\/\/ or amqps:\/\//);
  });

  test.each(['1.5', '1001', 'Infinity', '0x'])('refuses %s as a whole number up to 1,000', (value) => {
    expect(errorOf({ WINDOW: value })).toBeInstanceOf(ConfigError);
  });

  test('does not quote what may be secret', () => {
    expect(String(errorOf({ SECRET: 'hunter2' }))).not.toMatch(/hunter2/);
  });
});
