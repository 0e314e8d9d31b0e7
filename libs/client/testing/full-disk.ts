import { execFileSync } from 'node:child_process';
import { closeSync, cpSync, ftruncateSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished, type TestContext } from 'vitest';

const CHUNK = Buffer.alloc(4096, 1);

/** A small disk of the test's own, which it can fill. */
export interface SmallDisk {
  readonly path: string;
  /** Takes all the room there is. */
  fill(): void;
  /** Gives back what {@link fill} took. */
  free(): void;
  /** What is in a folder of it now, elsewhere: as a process would find it that starts after the machine's power cut. */
  copy(folder: string): string;
}

/**
 * Mounts a tmpfs, which needs root (as in CI) on Linux. Where that is refused, the test is reported as skipped, with the
 * reason: only a disk that is full fails in the way a full disk does.
 */
export function smallDisk(context: TestContext, size = '16m'): SmallDisk {
  const path = mkdtempSync(join(tmpdir(), 'sixfold-disk-'));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', path], { stdio: 'pipe' });
  } catch (cause) {
    const note = `a full disk is not tested here: mounting a tmpfs needs root on Linux (${String(cause)})`;
    console.warn(`${context.task.name}: ${note}`);
    context.skip(note);
  }
  // Lazily: a store that the test holds open is closed after this.
  onTestFinished(() => void execFileSync('umount', ['-l', path]));
  const ballast = openSync(join(path, 'ballast'), 'w');
  onTestFinished(() => closeSync(ballast));
  return {
    path,
    fill: () => fill(ballast),
    free: () => ftruncateSync(ballast),
    copy: (folder) => {
      const copy = mkdtempSync(join(tmpdir(), 'sixfold-copy-'));
      onTestFinished(() => rmSync(copy, { recursive: true, force: true }));
      cpSync(join(path, folder), copy, { recursive: true });
      return copy;
    },
  };
}

function fill(file: number): void {
  let position = 0;
  try {
    for (;;) position += writeSync(file, CHUNK, 0, CHUNK.length, position);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
  }
}
