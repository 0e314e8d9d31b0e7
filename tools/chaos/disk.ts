import { execFileSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';

/** Room for the storage of all clients of one process, with what LevelDB keeps beside the data. */
const SIZE_MIB = 256;
const CHUNK = Buffer.alloc(1024 * 1024);

/** A small disk (tmpfs) that can be filled up. It is unmounted with everything else below the folder of the run. */
export class SmallDisk {
  readonly dir: string;
  readonly #ballast: string;

  /** @throws Error when it may not be mounted: that takes root */
  constructor(dir: string) {
    this.dir = dir;
    this.#ballast = join(dir, 'ballast');
    mkdirSync(dir, { recursive: true });
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${SIZE_MIB}m`, 'sixfold-chaos', dir], {
      stdio: 'pipe',
    });
  }

  /** Whether this process may mount one. */
  static get possible(): boolean {
    return process.platform === 'linux' && process.getuid?.() === 0;
  }

  /** Not one byte more fits. */
  fill(): void {
    const fd = openSync(this.#ballast, 'w');
    try {
      for (let size = CHUNK.length; size >= 1; size = Math.floor(size / 2)) writeWhileItFits(fd, size);
    } finally {
      closeSync(fd);
    }
  }

  /** There is room again. */
  free(): void {
    rmSync(this.#ballast, { force: true });
  }
}

function writeWhileItFits(fd: number, size: number): void {
  try {
    for (;;) writeSync(fd, CHUNK, 0, size);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error;
  }
}
