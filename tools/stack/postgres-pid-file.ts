import { realpathSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { isRunning, processesIn } from './processes.ts';
import { until } from './until.ts';
import { readIfThere } from './whole-file.ts';

/** What a server that was killed leaves behind ends by itself when it notices; longest wait for it. */
const LEFT_MS = 20_000;

const pathOf = (cluster: string): string => join(cluster, 'postmaster.pid');

/** The lines of the file in which a running server describes itself; undefined when there is none. */
const pidFile = (cluster: string): string[] | undefined => readIfThere(pathOf(cluster))?.split('\n');

/** What a running server says of itself in the eighth line: `ready`, `stopping`, … */
export const serverState = (cluster: string): string | undefined => pidFile(cluster)?.[7]?.trim();

/**
 * Makes room for a new server. PostgreSQL refuses to start for ever when the pid file is empty (a server was killed
 * between creating and writing it), is not readable, or names a number that has since gone to another process. So it goes,
 * once no process of an earlier server works with the data: after that nobody needs it.
 * @throws Error when one still does
 */
export async function clearPidFile(cluster: string): Promise<void> {
  await untilUnused(cluster);
  const lines = pidFile(cluster);
  if (lines === undefined) return;
  const pid = Number(lines[0]);
  // PostgreSQL itself recognises the file of a server that is gone, and checks more than we do.
  const isReadable = Number.isSafeInteger(pid) && pid > 0;
  if (!isReadable || isRunning(pid)) rmSync(pathOf(cluster), { force: true });
}

/** All processes of a server, and only they, work in its data directory. */
async function untilUnused(cluster: string): Promise<void> {
  const left = () => processesIn(realpathSync(cluster), 'postgres');
  try {
    await until(() => left().length === 0, { what: 'an earlier server to end', timeoutMs: LEFT_MS });
  } catch (cause) {
    const pids = left().join(', ');
    const what = `A PostgreSQL server that was not started here works with ${cluster}`;
    throw new Error(`${what} (pids ${pids}): end it first.`, { cause });
  }
}
