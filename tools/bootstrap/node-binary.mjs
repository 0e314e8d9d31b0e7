import { accessSync, constants, statSync } from 'node:fs';
import { join } from 'node:path';

/** Runs our TypeScript without a build step, and is what the packages we use ask for. */
const NEEDED_MAJOR = 24;

/**
 * The Node executable that came with the dependencies; the install script of its package puts it in place,
 * and where such scripts do not run it may still be in the platform's own package.
 * @throws Error with what to do when there is none
 */
export function findNode(root) {
  const found = locateNode(root);
  if (found) return found;
  throw new Error(
    `Node ${NEEDED_MAJOR} is not in node_modules, and this is ${process.version}. Either install Node ${NEEDED_MAJOR} or newer, ` +
      'or let npm run the install script of the package "node": npm rebuild node',
  );
}

/** Like findNode, but undefined when there is none. */
export function locateNode(root) {
  const program = process.platform === 'win32' ? 'bin/node.exe' : 'bin/node';
  const isNewEnough = Number(process.versions.node.split('.')[0]) >= NEEDED_MAJOR;
  const candidates = nodeFolders(root).map((folder) => join(folder, program));
  return candidates.find(isExecutable) ?? (isNewEnough ? process.execPath : undefined);
}

/** Where the package "node" and that of this platform may be. */
export function nodeFolders(root) {
  const prefix = process.platform === 'darwin' && process.arch === 'arm64' ? 'node-bin' : 'node';
  const system = process.platform === 'win32' ? 'win' : process.platform;
  const platform = `${prefix}-${system}-${process.arch}`;
  return ['node', join('node/node_modules', platform), platform].map((name) =>
    join(root, 'node_modules', name),
  );
}

function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).size > 0; // an install that a full disk stopped may leave an empty one
  } catch {
    return false;
  }
}
