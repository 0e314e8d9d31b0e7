import { randomBytes } from 'node:crypto';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readSecret } from './secret.ts';
import { writeWholeFile } from './whole-file.ts';

/** The broker's only user. */
export interface BrokerUser {
  name: string;
  password: string;
}

/** Erlang takes none that is shorter than this, and a node that finds an empty one never starts. */
const COOKIE_LENGTH = 20;

/** Makes the cookie by which Erlang nodes and tools know each other, unless a whole one is there. */
export function ensureCookie(home: string): void {
  const path = join(home, '.erlang.cookie');
  if ((readSecret(path) ?? '').length >= COOKIE_LENGTH) return;
  writeWholeFile(path, randomBytes(COOKIE_LENGTH).toString('hex'), 0o400);
}

/**
 * Writes what a node reads at every start: its user. (A `default_user` counts at the first start only; when the password
 * file was lost and made anew, nobody would get in.) Returns the path.
 */
export function writeDefinitions(dir: string, { name, password }: BrokerUser): string {
  const path = join(dir, 'definitions.json');
  const all = { configure: '.*', write: '.*', read: '.*' };
  const definitions = {
    users: [{ name, password, tags: ['administrator'] }],
    vhosts: [{ name: '/' }],
    permissions: [{ user: name, vhost: '/', ...all }],
  };
  writeWholeFile(path, JSON.stringify(definitions), 0o600);
  return path;
}

/** Makes what an earlier start of a node on its own left half-written fit for the next one. */
export function mend(dir: string, node: string): void {
  removeUnfinished(dir);
  mendStatus(dir, node);
}

const dataOf = (dir: string): string => join(dir, 'mnesia');
const markOf = (dir: string): string => join(dir, 'first-start');

/**
 * Removes what a first start made that never became ready, since it may be half-made. Nobody has used it: that is what
 * the mark says, which is older than the data and goes when the node is ready.
 */
function removeUnfinished(dir: string): void {
  if (existsSync(markOf(dir))) rmSync(dataOf(dir), { recursive: true, force: true, maxRetries: 3 });
  else if (!existsSync(dataOf(dir))) writeFileSync(markOf(dir), '');
}

/**
 * A node writes down at every start which nodes it belongs with, in place; killed meanwhile, it would never start again.
 * What a node on its own writes is known.
 */
function mendStatus(dir: string, node: string): void {
  const files = { nodes_running_at_shutdown: `[${node}].`, 'cluster_nodes.config': `{[${node}],[${node}]}.` };
  for (const [name, whole] of Object.entries(files)) {
    const path = join(dataOf(dir), node, name);
    const found = readSecret(path);
    if (found !== undefined && !found.endsWith('.')) writeWholeFile(path, `${whole}\n`);
  }
}

/** From now on the data is somebody's. */
export function noteFinished(dir: string): void {
  rmSync(markOf(dir), { force: true });
}
