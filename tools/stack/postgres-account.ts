import { spawnSync } from 'node:child_process';
import { chownSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

/** How to start a PostgreSQL program: as which user, and behind which command (with its arguments). */
export interface Account {
  uid?: number;
  gid?: number;
  prefix: readonly string[];
}

/**
 * PostgreSQL refuses to run as root. Started by root it runs as the user `postgres`, or `nobody` where
 * there is none. If that user cannot enter the folders on the way to `paths` (a clone below /root), it
 * runs in a user namespace instead, where it is not root but may go where we may.
 * @throws Error with the choices when neither works.
 */
export function postgresAccount(paths: readonly string[]): Account {
  if (process.getuid?.() !== 0) return { prefix: [] };
  const [uid, gid] = [idOf('-u'), idOf('-g')];
  if (paths.every((path) => canEnter(path, uid, gid))) return { uid, gid, prefix: [] };
  const namespace = ['--user', `--map-user=${uid}`, `--map-group=${gid}`, '--'];
  if (spawnSync('unshare', [...namespace, 'true'], { stdio: 'ignore' }).status === 0)
    return { prefix: ['unshare', ...namespace] };
  throw new Error(
    `PostgreSQL does not run as root, and its user (uid ${uid}) may not enter ${paths.join(' or ')}. Either
  - start as another user than root, or
  - move the clone (and --data) to a folder that others may enter, or
  - set DATABASE_URL to a PostgreSQL that runs already.`,
  );
}

function idOf(option: '-u' | '-g'): number {
  const ids = ['postgres', 'nobody'].map((user) => spawnSync('id', [option, user], { encoding: 'utf8' }));
  return Number(ids.find(({ status }) => status === 0)?.stdout ?? 65_534);
}

/** Whether every folder above `path` may be entered by that user. */
function canEnter(path: string, uid: number, gid: number): boolean {
  const parent = dirname(path);
  if (parent === path) return true;
  const folder = statSync(parent, { throwIfNoEntry: false });
  if (!folder) return canEnter(parent, uid, gid);
  const bit = folder.uid === uid ? 0o100 : folder.gid === gid ? 0o010 : 0o001;
  return (folder.mode & bit) !== 0 && canEnter(parent, uid, gid);
}

/** Makes that user the owner of files. */
export function giveTo({ uid, gid }: Omit<Account, 'prefix'>, ...paths: string[]): void {
  if (uid !== undefined && gid !== undefined) for (const path of paths) chownSync(path, uid, gid);
}
