import { createHash } from 'node:crypto';
import { join } from 'node:path';
import pg from 'pg';
import { readSecret } from './secret.ts';
import { writeWholeFile } from './whole-file.ts';

/** Says which password the database knows, as a hash. */
const pathOf = (folder: string): string => join(folder, 'password.set');

const hashOf = (password: string): string => createHash('sha256').update(password).digest('hex');

/** Whether the database in `folder` is known to have this password; not so when the file with it was lost and made anew. */
export const hasPassword = (folder: string, password: string): boolean =>
  readSecret(pathOf(folder)) === hashOf(password);

/** Notes that the database has this password now. */
export function notePassword(folder: string, password: string): void {
  writeWholeFile(pathOf(folder), `${hashOf(password)}\n`, 0o600);
}

/** What to tell a server in single-user mode, which asks for no password; it takes a line as a statement. */
export const passwordStatement = (user: string, password: string): string =>
  `ALTER ROLE ${pg.escapeIdentifier(user)} PASSWORD ${pg.escapeLiteral(password)}\n`;
