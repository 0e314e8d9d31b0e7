import { dirname, join } from 'node:path';
import { readIfThere } from './whole-file.ts';

/**
 * PostgreSQL reads only what its own major version wrote, and we never touch what another one did.
 * @throws Error that says what to do when the data in `cluster` is of another version, or the file that says so is damaged
 */
export function checkVersion(cluster: string, version: number): void {
  const found = writtenBy(cluster);
  if (found === String(version)) return;
  const aside = dirname(cluster);
  throw new Error(
    found === undefined
      ? `${join(cluster, 'PG_VERSION')} is missing or damaged, so this may not be the data of a PostgreSQL server. Either
  - restore ${aside} from a backup, or
  - if the file alone is damaged and PostgreSQL ${version} made the rest, write ${version} into it, or
  - ${beginAnew(aside, 'damaged')}`
      : `The database in ${cluster} was made by PostgreSQL ${found}; Sixfold now brings PostgreSQL ${version}, which cannot read it. Either
  - go on with the version of Sixfold that made it, or
  - turn it into one of PostgreSQL ${version} with pg_upgrade, which needs the programs of both versions, or
  - start it with PostgreSQL ${found} yourself and set DATABASE_URL to it, or
  - ${beginAnew(aside, found)}`,
  );
}

/** Where messages wait, and how to do without them. */
export const beginAnew = (folder: string, suffix: string): string =>
  `begin with an empty one, without the messages that wait in it: mv ${folder} ${folder}.${suffix}`;

const writtenBy = (cluster: string): string | undefined =>
  /^(9\.\d|\d{2})\s*$/.exec(readIfThere(join(cluster, 'PG_VERSION')) ?? '')?.[1];
