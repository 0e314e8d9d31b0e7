import { closeSync, mkdirSync, openSync, renameSync, statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname } from 'node:path';

/** A log above this size is set aside (as `<name>.1`, replacing the one before) when its process starts. */
const ROTATE_BYTES = 10 * 1024 * 1024;

/** Calls `use` with a file descriptor that appends to `path`, and closes it afterwards. */
export function withLogFile<T>(path: string, use: (fd: number) => T): T {
  mkdirSync(dirname(path), { recursive: true });
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  if (size > ROTATE_BYTES) renameSync(path, `${path}.1`);
  const fd = openSync(path, 'a');
  try {
    return use(fd);
  } finally {
    closeSync(fd);
  }
}

/** Size of the log in bytes, 0 when there is none yet: a position for {@link logTail}. */
export function logSize(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

/** The last `lines` lines written after byte `from`; empty when there are none, or no such file. */
export async function logTail(path: string, lines = 20, from = 0): Promise<string> {
  const size = logSize(path);
  const start = Math.max(size < from ? 0 : from, size - lines * 1000);
  if (size <= start) return '';
  await using file = await open(path, 'r');
  const { buffer, bytesRead } = await file.read(Buffer.alloc(size - start), 0, size - start, start);
  return buffer.toString('utf8', 0, bytesRead).trimEnd().split('\n').slice(-lines).join('\n');
}
