import { afterEach, expect, test, vi } from 'vitest';
import { lockStorage } from './storage-lock.ts';

/** Node has Web Locks and BroadcastChannel, too. Browsers: test/browsers/storage-errors.ts. */

const MISSING = { locks: undefined };

afterEach(() => vi.unstubAllGlobals());

let count = 0;
const name = () => `lock ${++count}`;

test('a storage has one user at a time; the next one gets it as soon as it is free', async () => {
  const key = name();
  const release = await lockStorage(key);
  await expect(lockStorage(key, 10)).rejects.toMatchObject({ code: 'storage', reason: 'in_use' });
  const next = lockStorage(key, 60_000);
  release();
  (await next)();
  (await lockStorage(key, 60_000))();
});

test('another storage is free', async () => {
  const releases = await Promise.all([lockStorage(name(), 60_000), lockStorage(name(), 60_000)]);
  for (const release of releases) release();
});

test('without Web Locks, one of several pages that ask at a time gets it, and later ones do not', async () => {
  vi.stubGlobal('navigator', MISSING);
  const key = name();
  const results = await Promise.allSettled([lockStorage(key), lockStorage(key), lockStorage(key)]);
  const got = results.filter((result) => result.status === 'fulfilled');
  expect(got).toHaveLength(1);
  for (const { reason } of results.filter((result) => result.status === 'rejected'))
    expect(reason).toMatchObject({ code: 'storage', reason: 'in_use' });
  await expect(lockStorage(key)).rejects.toMatchObject({ reason: 'in_use' });
  for (const { value } of got) value();
  (await lockStorage(key))();
});

test('without Web Locks and BroadcastChannel, a page does not get it: it could not know', async () => {
  vi.stubGlobal('navigator', MISSING);
  vi.stubGlobal('BroadcastChannel', undefined);
  await expect(lockStorage(name())).rejects.toMatchObject({ code: 'storage', reason: 'unavailable' });
});
