import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { decodeJwt } from 'jose';
import type { TokenSource } from '../../../libs/client/index.ts';
import { signToken } from '../../stack/token.ts';
import { CliError, EXIT } from '../exit.ts';
import { findSecret } from '../token/command.ts';
import type { TargetOptions } from './options.ts';

/** Longest time that a token command may take, milliseconds. */
const COMMAND_TIMEOUT_MS = 10_000;

/** Who logs in, and with what. */
export interface Credentials {
  user: string;
  token: TokenSource;
}

/**
 * The user and the tokens, from the options: a token, a command that prints one, or a secret that signs them.
 *
 * @param as the user that the command line names
 * @throws CliError when they do not fit together
 */
export function credentialsOf(
  options: TargetOptions,
  as: string | undefined,
  env: NodeJS.ProcessEnv,
): Credentials {
  const { token, tokenCommand, data } = options;
  if (token !== undefined && tokenCommand !== undefined)
    throw new CliError(EXIT.usage, 'Give --token or --token-command, not both.');
  if (token !== undefined) return { user: userOf(token, as), token };
  if (as === undefined) throw new CliError(EXIT.usage, 'Name the user with --as, or give a --token.');
  if (tokenCommand !== undefined) return { user: as, token: () => fetchToken(tokenCommand, as, env) };
  const secret = secretIn(data);
  return { user: as, token: () => signToken(secret, as) };
}

/** @throws CliError when there is none */
export function secretIn(data: string): string {
  try {
    return findSecret(data);
  } catch (cause) {
    throw new CliError(
      EXIT.usage,
      `There is no secret in ${data} to sign tokens with: give --token or --token-command, set AUTH_SECRET, or name ` +
        'the data folder of `npm start` with --data.',
      { cause },
    );
  }
}

function userOf(token: string, as: string | undefined): string {
  const user = subjectOf(token);
  if (user === undefined)
    throw new CliError(EXIT.usage, 'The --token is no JWT with a `sub`: give one that names a user.');
  if (as !== undefined && as !== user)
    throw new CliError(
      EXIT.usage,
      `The --token belongs to ${user}, not to ${as}: leave --as out, or get another token.`,
    );
  return user;
}

function subjectOf(token: string): string | undefined {
  try {
    return decodeJwt(token).sub;
  } catch {
    return undefined; // no JWT
  }
}

/** @throws Error without the output, which may hold a token */
async function fetchToken(command: string, user: string, env: NodeJS.ProcessEnv): Promise<string> {
  const run = promisify(execFile)('sh', ['-c', command], {
    env: { ...env, SIXFOLD_USER: user },
    timeout: COMMAND_TIMEOUT_MS,
  });
  const { stdout } = await run.catch((error: unknown) => {
    const { code, killed } = error as { code?: unknown; killed?: boolean };
    const how = killed ? 'took longer than 10 s' : `ended with exit code ${String(code)}`;
    throw new Error(`the token command ${how}: try it by itself, with SIXFOLD_USER=${user}`);
  });
  if (stdout.trim() === '') throw new Error('the token command printed nothing: it must print a token');
  return stdout.trim();
}
