import { execFile } from 'node:child_process';
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { npm, packClient } from '../package/pack.ts';
import { REPOSITORY } from '../stack/environment.ts';

/** Beside what examples/react asks for. They are not in the repository's own packages, whose size is limited. */
const BUNDLERS = { esbuild: '0.28.2', webpack: '5.113.0', 'webpack-cli': '7.3.1' };

const EXAMPLE = join(REPOSITORY, 'examples/react');
const COMPILER = join(REPOSITORY, 'node_modules/typescript/bin/tsc');
const COMPILER_TIMEOUT_MS = 120_000;

/**
 * Makes an application in a folder: examples/react and the pages beside this file, with the client from its tarball. Needs the
 * registry, or npm's cache.
 * @returns the folder of the pages
 */
export async function makeProject(dataDir: string): Promise<string> {
  const home = join(dataDir, 'application');
  await cp(join(REPOSITORY, 'tools/bundlers/pages'), home, { recursive: true });
  await cp(EXAMPLE, join(home, 'react'), { recursive: true });
  const packed = join(dataDir, 'packed');
  await mkdir(packed);
  const { tarball } = await packClient(packed);
  const example = JSON.parse(await readFile(join(EXAMPLE, 'package.json'), 'utf8')) as {
    dependencies: Record<string, string>;
    devDependencies: Record<string, string>;
  };
  const dependencies = {
    ...{ ...example.dependencies, ...example.devDependencies, ...BUNDLERS },
    '@sixfold/client': `file:${tarball}`,
  };
  await writeFile(
    join(home, 'package.json'),
    JSON.stringify({ private: true, type: 'module', dependencies }),
  );
  await npm(home, ['install', '--no-audit', '--no-fund', '--prefer-offline']);
  await compileExample(join(home, 'react'));
  return home;
}

/** Checks the types of examples/react, and makes JavaScript of it: webpack reads nothing else. */
async function compileExample(folder: string): Promise<void> {
  const child = promisify(execFile)(process.execPath, [COMPILER, '-p', folder], {
    timeout: COMPILER_TIMEOUT_MS,
  });
  await child.catch((error: unknown) => {
    throw new Error(`tsc: ${(error as { stdout?: string }).stdout ?? ''}`, { cause: error });
  });
}
