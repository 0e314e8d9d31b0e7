import { expect, test } from 'vitest';
import { ClientError } from '../errors.ts';
import { StorageError, storageError } from './storage-error.ts';

test.each([
  ['QuotaExceededError', 'quota'],
  ['VersionError', 'newer_version'],
  ['SecurityError', 'unavailable'],
  ['UnknownError', 'failed'],
])('%s of the browser is %s', (name, reason) => {
  const cause = new DOMException('why', name);
  const error = storageError(cause);
  expect(error).toMatchObject({ name: 'StorageError', code: 'storage', reason, cause });
  expect(error).toBeInstanceOf(ClientError);
  expect(error.message).toContain('why');
});

test('one of ours stays as it is', () => {
  const error = new StorageError('lost', 'gone');
  expect(storageError(error)).toBe(error);
});
