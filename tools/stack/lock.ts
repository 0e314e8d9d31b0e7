import { join } from 'node:path';
import { holder, release, take } from '../bootstrap/lock.mjs';

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
export const supervisorPid = (dataDir: string): number | undefined => holder(pathOf(dataDir));

/** Takes the data directory for this process; returns the release. @throws AlreadyRunningError */
export function lockDataDirectory(dataDir: string): () => void {
  const path = pathOf(dataDir);
  while (!take(path)) {
    const pid = supervisorPid(dataDir);
    if (pid !== undefined) throw new AlreadyRunningError(dataDir, pid);
  }
  return () => release(path);
}
