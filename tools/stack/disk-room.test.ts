import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { checkRoom } from './disk-room.ts';

test('a start on a full disk says so at once, and how much room it takes', () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'sixfold-room-'));
  onTestFinished(() => rmSync(dataDir, { recursive: true }));
  const withFree = (megabytes: number) => () => checkRoom(dataDir, () => megabytes * 1_000_000);
  expect(withFree(199)).toThrow(/is full: 199 MB are free, .* need 200 MB .* --data DIR/);
  expect(withFree(200)).not.toThrow();
  mkdirSync(join(dataDir, 'postgres/cluster'), { recursive: true }); // its data is there
  expect(withFree(100)).not.toThrow();
  expect(withFree(99)).toThrow(/is full: 99 MB are free/);
});
