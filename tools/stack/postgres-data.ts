import { existsSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { type Child, describeExit } from './child.ts';
import { logTail } from './log-file.ts';
import { clearPidFile } from './postgres-pid-file.ts';
import { beginAnew, checkVersion } from './postgres-version.ts';
import { readSecret } from './secret.ts';
import { writeWholeFile } from './whole-file.ts';

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

/** What to do if the data is damaged. */
export const adviceFor = (folder: string): string =>
  `restore ${folder} from a backup, or ${beginAnew(folder, 'damaged')}`;

/** Makes the data ready for a server, whatever an earlier one, or the making of it, was interrupted at. */
export async function prepareData(options: PostgresDataOptions): Promise<void> {
  const { folder, cluster, password, passwordFile, version } = options;
  // Says which password the database knows: when the file with it was lost, another one was made.
  const known = join(folder, 'password.set');
  const note = () => writeWholeFile(known, `${password}\n`, 0o600);
  if (!existsSync(cluster)) {
    // Built aside and renamed, so that an interrupted start never leaves half a cluster behind.
    const draft = `${cluster}.new`;
    rmSync(draft, { recursive: true, force: true, maxRetries: 3 });
    const access = ['--auth=scram-sha-256', `--username=${USER}`, `--pwfile=${passwordFile}`];
    await complete(options, 'initdb', ['-D', draft, '--no-locale', '--encoding=UTF8', ...access]);
    renameSync(draft, cluster);
    note();
  }
  checkVersion(cluster, version);
  await clearPidFile(cluster);
  if (readSecret(known) === password) return;
  // A server in single-user mode asks for no password, and takes a line as a statement. No password in the log.
  const alone = ['--single', '-D', cluster, '-c', 'log_min_error_statement=panic', 'postgres'];
  const statement = `ALTER ROLE ${pg.escapeIdentifier(USER)} PASSWORD ${pg.escapeLiteral(password)}\n`;
  await complete(options, 'postgres', alone, statement);
  note();
}

/** Runs a program to its end. */
async function complete(
  { folder, logFile, run }: PostgresDataOptions,
  program: Program,
  args: string[],
  input?: string,
): Promise<void> {
  const child = await run(program, args, input);
  const exit = await child.exited;
  if (exit.code === 0) return;
  const tail = await logTail(logFile, 20, child.logStart);
  throw new Error(`${program}: ${describeExit(exit)}\n${tail}\nIf the data is damaged: ${adviceFor(folder)}`);
}
