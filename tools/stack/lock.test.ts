import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { AlreadyRunningError, lockDataDirectory, supervisorPid } from './lock.ts';

let dataDir: string;
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'lock-test-'));
});
afterEach(() => rmSync(dataDir, { recursive: true }));

test('the second one learns who is there; after the release the directory is free', () => {
  const release = lockDataDirectory(dataDir);
  expect(supervisorPid(dataDir)).toBe(process.pid);
  expect(() => lockDataDirectory(dataDir)).toThrow(AlreadyRunningError);
  release();
  expect(supervisorPid(dataDir)).toBeUndefined();
  lockDataDirectory(dataDir)();
});

test('the lock of a dead process is taken over, also when its pid belongs to another one now', () => {
  writeFileSync(join(dataDir, 'supervisor.lock'), JSON.stringify({ pid: process.pid, started: 'long ago' }));
  expect(supervisorPid(dataDir)).toBeUndefined();
  lockDataDirectory(dataDir);
  expect(supervisorPid(dataDir)).toBe(process.pid);
});

test.for(['', '{"pid":', 'null', '{}', '12', '\0\0'])('a lock that was cut off is taken over: %j', (text) => {
  writeFileSync(join(dataDir, 'supervisor.lock'), text);
  const release = lockDataDirectory(dataDir);
  expect(supervisorPid(dataDir)).toBe(process.pid);
  release();
});
