import { linkSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isOwnerRunning, ownerRecord } from './owner.ts';

const pathOf = (dataDir: string) => join(dataDir, 'supervisor.lock');

/** Another supervisor has this data directory. */
export class AlreadyRunningError extends Error {
  constructor(dataDir: string, pid: number) {
    super(
      `already running (pid ${pid}) with its data in ${dataDir}. \`npm run status\` shows it, \`npm stop\` ends it; ` +
        'a second one needs --data and --port of its own.',
    );
  }
}

/** Pid of the supervisor that has this data directory, or undefined. */
export function supervisorPid(dataDir: string): number | undefined {
  const owner = isOwnerRunning(pathOf(dataDir));
  return owner === false ? undefined : owner;
}

/**
 * Takes the data directory for this process, also after one that was killed; returns the release.
 * @throws AlreadyRunningError
 */
export function lockDataDirectory(dataDir: string): () => void {
  mkdirSync(dataDir, { recursive: true });
  const path = pathOf(dataDir);
  const draft = `${path}.${process.pid}`;
  try {
    writeFileSync(draft, ownerRecord());
    while (!tryLink(draft, path)) {
      const pid = supervisorPid(dataDir);
      if (pid !== undefined) throw new AlreadyRunningError(dataDir, pid);
      rmSync(path, { force: true });
    }
  } finally {
    rmSync(draft, { force: true });
  }
  return () => rmSync(path, { force: true });
}

/** A link appears with its content or not at all, unlike a file that is created and then written. */
function tryLink(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  }
}
