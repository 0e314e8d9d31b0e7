import { execFile } from 'node:child_process';
import { cp, mkdir, symlink } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { REPOSITORY } from '../stack/environment.ts';

const NPM_TIMEOUT_MS = 120_000;

/** The tarball of a package, as `npm publish` would send it. */
export interface Packed {
  readonly tarball: string;
  /** Folder of the package that it was made from, with `dist`. */
  readonly source: string;
  /** Paths in it. */
  readonly files: readonly string[];
}

/** Packs @sixfold/client. */
export const packClient = (folder: string): Promise<Packed> =>
  pack(folder, 'libs/client', ['libs/client', 'libs/protocol', 'tsconfig.json']);

/** Packs @sixfold/cli. */
export const packCli = (folder: string): Promise<Packed> =>
  pack(folder, 'tools/cli', ['libs', 'services', 'tools', 'package.json']);

/** Packs in a copy of the sources: several tests may do so at a time, and nothing old is packed. */
async function pack(folder: string, workspace: string, sources: readonly string[]): Promise<Packed> {
  const source = join(folder, 'checkout', workspace);
  await mkdir(source, { recursive: true });
  const filter = (path: string) => !['dist', 'node_modules'].includes(basename(path));
  for (const path of sources)
    await cp(join(REPOSITORY, path), join(folder, 'checkout', path), { recursive: true, filter });
  await symlink(join(REPOSITORY, 'node_modules'), join(folder, 'checkout/node_modules'));
  // Silent: what its scripts print would stand before the JSON.
  const printed = await npm(source, ['pack', '--json', '--silent', `--pack-destination=${folder}`]);
  const [packed] = JSON.parse(printed) as [{ filename: string; files: { path: string }[] }];
  return { tarball: join(folder, packed.filename), source, files: packed.files.map(({ path }) => path) };
}

/** Runs the npm that started us, else the one in PATH. @returns its output */
export async function npm(cwd: string, args: readonly string[]): Promise<string> {
  const self = process.env['npm_execpath'];
  const [command, first] = self?.endsWith('npm-cli.js') ? [process.execPath, [self]] : ['npm', []];
  // What npm tells its scripts is about another package.
  const inherited = Object.entries(process.env).filter(([name]) => !/^npm_(?!config_cache$)/i.test(name));
  const { stdout } = await promisify(execFile)(command, [...first, ...args], {
    cwd,
    env: Object.fromEntries(inherited),
    timeout: NPM_TIMEOUT_MS,
  });
  return stdout;
}
