import { chmodSync, statfsSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BackendOptions, type Backends, startBackends } from '../../tools/testkit/backends.ts';
import { watchLog } from './logs.ts';

/** Names of temporary folders begin with this. */
export const FOLDER_PREFIX = 'sixfold-test-';

const MEMORY = '/dev/shm';
const ROOM_BYTES = 4 * 1024 ** 3;

/**
 * Where the data of tests lies: in memory, if there is room, since a disk that others keep busy stalls for seconds.
 * (What survives a kill -9 is the same: the system holds what a process has written, on any file system.)
 */
export const DATA = process.env['TMPDIR'] === undefined && hasRoom(MEMORY) ? MEMORY : tmpdir();

function hasRoom(folder: string): boolean {
  try {
    const { bavail, bsize } = statfsSync(folder);
    return bavail * bsize >= ROOM_BYTES;
  } catch {
    return false;
  }
}

/** A new temporary folder in `parent` that the database's user may enter. */
export async function temporaryFolder(parent = DATA): Promise<string> {
  const folder = await mkdtemp(join(parent, FOLDER_PREFIX));
  chmodSync(folder, 0o755);
  return folder;
}

/** Starts a broker and a database whose logs are printed for a test that fails. */
export const startInfrastructure = (dataDir: string, options: BackendOptions = {}): Promise<Backends> =>
  startBackends(dataDir, { ...options, watch: ({ name, logFile }) => watchLog(name, logFile) });
