import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { z } from 'zod';
import { ConfigError, integer, readConfig } from './config.ts';

const folder = mkdtempSync(join(tmpdir(), 'sixfold-settings-'));
afterAll(() => rmSync(folder, { recursive: true }));

function file(content: string): string {
  const path = join(folder, `${Math.random()}`);
  writeFileSync(path, content);
  return path;
}

const shape = { KEY: z.string().min(3, { error: 'must have 3 characters' }), SIZE: integer(5) };

test('a setting comes from the file that its variable names, without the space around it', () => {
  expect(readConfig(shape, { KEY_FILE: file(' secret \n'), SIZE_FILE: file('7\n') })).toEqual({
    KEY: 'secret',
    SIZE: 7,
  });
});

test('an empty variable counts as unset, on either side', () => {
  expect(readConfig(shape, { KEY: 'value', KEY_FILE: '' }).KEY).toBe('value');
  expect(readConfig(shape, { KEY: '', KEY_FILE: file('value') }).KEY).toBe('value');
});

test.for<[string, Record<string, string>, RegExp]>([
  ['both', { KEY: 'abc', KEY_FILE: '/nowhere' }, /KEY_FILE must not be set beside KEY/],
  ['a file that is not there', { KEY_FILE: '/nowhere' }, /KEY_FILE names a file that cannot be read: ENOENT/],
  ['a folder', { KEY_FILE: tmpdir() }, /KEY_FILE names a file that cannot be read: EISDIR/],
  ['an empty file', { KEY: '', KEY_FILE: file(' \n') }, /KEY_FILE names a file that is empty/],
  ['a file with something else', { KEY: 'abc', SIZE_FILE: file('hidden') }, /SIZE must be a number/],
])('%s: an error that names the variable, and quotes nothing', ([, env, message]) => {
  const read = () => readConfig(shape, env);
  expect(read).toThrow(ConfigError);
  expect(read).toThrow(message);
  expect(read).not.toThrow(/hidden/);
});
