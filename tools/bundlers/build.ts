import { execFile } from 'node:child_process';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';

const BUILD_TIMEOUT_MS = 300_000;

export const BUNDLERS = ['vite', 'webpack', 'esbuild'] as const;
type Bundler = (typeof BUNDLERS)[number];

/** Only React's development code runs the effects of StrictMode twice. */
type Mode = 'production' | 'development';

/** What is built: a folder of the application, with a bundler. */
export interface Build {
  readonly bundler: Bundler;
  readonly page: 'core' | 'plain' | 'react';
  readonly mode: Mode;
}

/** A page that was built. */
export interface Built extends Build {
  /** Says what it is; part of its address. */
  readonly name: string;
  readonly folder: string;
  /** Of its scripts, compressed with gzip. */
  readonly gzipBytes: number;
}

/** The program of a bundler, and its arguments. Without a file of settings: their defaults must do. */
type Command = (from: string, to: string, build: Build) => readonly string[];

const COMMANDS: Record<Bundler, Command> = {
  vite: (from, to, { mode }) => [
    ...['vite/bin/vite.js', 'build', from, '--base=./', `--outDir=${to}`, `--mode=${mode}`],
    '--logLevel=warn',
  ],
  webpack: (from, to, { mode, page }) => [
    ...['webpack/bin/webpack.js', `--mode=${mode}`, `--output-path=${to}`, '--output-filename=main.js'],
    // The default of its development mode is eval.
    ...[`--entry=${join(from, page === 'react' ? 'js/main.js' : 'main.js')}`, '--devtool=false'],
  ],
  esbuild: (from, to, { mode, page }) => [
    ...['esbuild/bin/esbuild', join(from, page === 'react' ? 'main.tsx' : 'main.js'), '--bundle', '--minify'],
    ...['--format=esm', '--log-level=warning', `--outdir=${to}`],
    `--define:process.env.NODE_ENV="${mode}"`,
  ],
};

/** Builds a page of the application in `home`. @throws Error with what the bundler printed */
export async function buildWith(home: string, build: Build): Promise<Built> {
  const { bundler, page, mode } = build;
  const name = [bundler, page, ...(mode === 'development' ? ['strict'] : [])].join('-');
  const [from, folder] = [join(home, page), join(home, 'dist', name)];
  await mkdir(folder, { recursive: true });
  const [program = '', ...args] = COMMANDS[bundler](from, folder, build);
  const path = join(home, 'node_modules', program);
  // That of esbuild is a machine's own program after its installation.
  const command = bundler === 'esbuild' ? [path, ...args] : [process.execPath, path, ...args];
  await run(command, { cwd: home, env: { ...process.env, NODE_ENV: mode } });
  if (bundler !== 'vite') await copyPage(from, folder);
  return { ...build, name, folder, gzipBytes: await scriptSize(folder) };
}

async function run([command = '', ...args]: readonly string[], options: object): Promise<void> {
  const child = promisify(execFile)(command, args, { ...options, timeout: BUILD_TIMEOUT_MS });
  await child.catch((error: unknown) => {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
    throw new Error(`${args.join(' ')}\n${stdout}${stderr}`, { cause: error });
  });
}

async function copyPage(from: string, to: string): Promise<void> {
  const html = await readFile(join(from, 'index.html'), 'utf8');
  await writeFile(join(to, 'index.html'), html.replace('./main.tsx', './main.js'));
}

async function scriptSize(folder: string): Promise<number> {
  const paths = await readdir(folder, { recursive: true });
  const scripts = paths.filter((path) => path.endsWith('.js'));
  const texts = await Promise.all(scripts.map((path) => readFile(join(folder, path))));
  return texts.reduce((sum, text) => sum + gzipSync(text, { level: 9 }).length, 0);
}
