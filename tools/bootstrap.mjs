// Runs a script of this repository with the Node version it needs: node tools/bootstrap.mjs <script> [args]
//
// Plain JavaScript for the host's own Node (18 or newer), with no dependencies: on a fresh clone it installs
// them first. Everything it says goes to standard error; standard output belongs to the script.
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensureInstalled } from './bootstrap/install.mjs';
import { findNode } from './bootstrap/node-binary.mjs';
import { isFromTerminal, once } from './bootstrap/signals.mjs';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');

try {
  const [script, ...args] = process.argv.slice(2);
  if (!script) throw new Error('usage: node tools/bootstrap.mjs <script> [args]');
  await ensureInstalled(root);
  process.exitCode = await run(findNode(root), [resolve(root, script), ...args]);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}

/** Runs Node with the script in our place: same input and output, same signals, same exit code. */
function run(node, args) {
  const path = [dirname(node), join(root, 'node_modules/.bin'), process.env.PATH]
    .filter(Boolean)
    .join(delimiter);
  const child = spawn(node, args, { stdio: 'inherit', env: { ...process.env, PATH: path } });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    // A Ctrl-C in the terminal reaches the child by itself; to pass it on would make it a second signal.
    const passOn = once(() => child.kill(signal));
    process.on(signal, () => isFromTerminal(signal) || passOn());
  }
  return new Promise((done, failed) => {
    child.on('error', failed);
    child.on('exit', (code, signal) => done(code ?? 128 + constants.signals[signal]));
  });
}
