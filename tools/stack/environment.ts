import { join, resolve } from 'node:path';
import { fileVariable, readSettingFiles } from '#libs/runtime/setting-files.ts';

/** Root of the work tree: where services and node_modules are. */
export const REPOSITORY = resolve(import.meta.dirname, '../..');

/**
 * Every process of a stack carries this variable with the absolute path of the stack's data directory.
 * It is how leftovers of a supervisor that was killed are found and told from anything else.
 */
export const STACK_VARIABLE = 'SIXFOLD_STACK';

/** Where Node keeps compiled modules: a service starts in 0.45 s instead of 0.7 s, with half the CPU time. */
const COMPILE_CACHE = { NODE_COMPILE_CACHE: join(REPOSITORY, 'node_modules/.cache/node') };

/**
 * Our environment plus `extra`; a variable that is undefined in `extra`, or matches `without`, is left out, and so is the
 * file of a setting that `extra` decides on.
 */
export function childEnvironment(
  dataDir: string,
  extra: NodeJS.ProcessEnv,
  without = /^$/,
): NodeJS.ProcessEnv {
  const decided = new Set(Object.keys(extra).map(fileVariable));
  const inherited = Object.entries(process.env).filter(([name]) => !without.test(name) && !decided.has(name));
  return { ...COMPILE_CACHE, ...Object.fromEntries(inherited), ...extra, [STACK_VARIABLE]: resolve(dataDir) };
}

/**
 * A setting of our environment, trimmed, from its variable or its file; undefined when it is unset or empty, as compose
 * files leave them. @throws Error when its file cannot be read
 */
export function setting(name: string): string | undefined {
  const { values, faults } = readSettingFiles([name], process.env);
  for (const fault of faults) throw new Error(`${fault.name} ${fault.message}`);
  const value = (values[name] ?? process.env[name])?.trim();
  return value === '' ? undefined : value;
}
