import { readFileSync } from 'node:fs';

/** The file of a setting is invalid. Never quotes it. */
export interface FileFault {
  /** Name of the variable that holds the path. */
  name: string;
  message: string;
}

/** The variable with the path of a setting's file. */
export const fileVariable = (setting: string): string => `${setting}_FILE`;

/**
 * Settings that come from files, as secrets do that a platform mounts: NAME_FILE holds the path of a file with the value
 * of NAME, with or without space around it. An empty variable counts as unset.
 */
export function readSettingFiles(names: readonly string[], env: NodeJS.ProcessEnv) {
  const values: Record<string, string> = {};
  const faults: FileFault[] = [];
  for (const setting of names) {
    const name = fileVariable(setting);
    const path = env[name];
    if (!path) continue;
    const found = env[setting] ? `must not be set beside ${setting}` : contentOf(path);
    if (typeof found === 'string') faults.push({ name, message: found });
    else values[setting] = found.value;
  }
  return { values, faults };
}

/** The file's content, or its fault. */
function contentOf(path: string): { value: string } | string {
  try {
    const value = readFileSync(path, 'utf8').trim();
    return value === '' ? 'names a file that is empty' : { value };
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'an unknown error';
    return `names a file that cannot be read: ${code}`;
  }
}
