import { existsSync, renameSync, rmSync } from 'node:fs';
import { type Child, describeExit } from './child.ts';
import { logTail } from './log-file.ts';
import { hasPassword, notePassword, passwordStatement } from './postgres-password.ts';
import { clearPidFile } from './postgres-pid-file.ts';
import { beginAnew, checkVersion } from './postgres-version.ts';

/** The superuser of a private server. */
export const USER = 'sixfold';

type Program = 'initdb' | 'postgres';

/** The data of a private server. */
export interface PostgresDataOptions {
  folder: string;
  /** The data directory itself. */
  cluster: string;
  password: string;
  passwordFile: string;
  /** Major version of the programs. */
  version: number;
  logFile: string;
  run: (program: Program, args: string[], input?: string) => Promise<Child>;
}

/** How to get the data ready for a server, and what to do if that is in vain. */
export function postgresData({
  folder,
  cluster,
  password,
  passwordFile,
  version,
  logFile,
  run,
}: PostgresDataOptions) {
  const ifDamaged = `restore ${folder} from a backup, or ${beginAnew(folder, 'damaged')}`;
  /** Runs a program to its end. */
  const complete = async (program: Program, args: string[], input?: string): Promise<void> => {
    const child = await run(program, args, input);
    const exit = await child.exited;
    if (exit.code === 0) return;
    const tail = await logTail(logFile, 20, child.logStart);
    throw new Error(`${program}: ${describeExit(exit)}\n${tail}\nIf the data is damaged: ${ifDamaged}`);
  };
  const initialise = async (): Promise<void> => {
    // Built aside and renamed, so that an interrupted start never leaves half a cluster behind.
    const draft = `${cluster}.new`;
    rmSync(draft, { recursive: true, force: true, maxRetries: 3 });
    const access = ['--auth=scram-sha-256', `--username=${USER}`, `--pwfile=${passwordFile}`];
    await complete('initdb', ['-D', draft, '--no-locale', '--encoding=UTF8', ...access]);
    renameSync(draft, cluster);
    notePassword(folder, password);
  };
  const setPassword = async (): Promise<void> => {
    const quiet = ['-c', 'log_min_error_statement=panic']; // no password in the log
    await complete(
      'postgres',
      ['--single', '-D', cluster, ...quiet, 'postgres'],
      passwordStatement(USER, password),
    );
    notePassword(folder, password);
  };
  /** Makes the data ready for a server, whatever an earlier one, or the making of it, was interrupted at. */
  const prepare = async (): Promise<void> => {
    if (!existsSync(cluster)) await initialise();
    checkVersion(cluster, version);
    await clearPidFile(cluster);
    if (!hasPassword(folder, password)) await setPassword();
  };
  return { prepare, ifDamaged };
}
