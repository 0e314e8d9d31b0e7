import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { startChild } from '../stack/child.ts';
import { childEnvironment } from '../stack/environment.ts';
import type { ManagedProcess } from '../stack/managed-process.ts';
import { ProcessHandle } from './process-handle.ts';

/** What operators put before a database or a broker, as Debian has it, with its default settings. */
export interface Middleman {
  process: ProcessHandle;
  /** Where it is. */
  url: string;
}

export interface Program extends Pick<ManagedProcess, 'name' | 'port' | 'stopSignal' | 'isReady'> {
  command: string[];
  account?: { uid?: number | undefined; gid?: number | undefined };
}

/** Starts it, with a log of its own, and waits until it is ready. */
export function startMiddleman(
  dataDir: string,
  { command: [command = '', ...args], account, ...spec }: Program,
): Promise<ProcessHandle> {
  const logFile = join(dataDir, 'logs', `${spec.name}.log`);
  return ProcessHandle.start({
    ...spec,
    logFile,
    stopRank: 1,
    stopTimeoutMs: 10_000,
    startTimeoutMs: 60_000,
    launch: () =>
      startChild({ command, args, cwd: dataDir, env: childEnvironment(dataDir, {}), logFile, ...account }),
  });
}

/** A new folder for its settings. */
export function folderFor(dataDir: string, name: string): string {
  const folder = join(dataDir, name);
  mkdirSync(folder);
  return folder;
}

/** The address of what stands before `url`. @param host of the loopback: `127.0.0.1` or `[::1]` */
export function moved(url: string, host: string, port: number): string {
  const changed = new URL(url);
  [changed.hostname, changed.port] = [host, String(port)];
  return changed.href;
}
