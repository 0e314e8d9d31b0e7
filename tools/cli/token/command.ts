import { Command, InvalidArgumentError } from 'commander';
import { resolve } from 'node:path';
import { SCOPES as SERVICE_SCOPES } from '../../../libs/protocol/scopes.ts';
import { authSecretFile, readSecret, secretFromEnvironment } from '../../stack/secret.ts';
import { signToken } from '../../stack/token.ts';

const SCOPES: readonly string[] = SERVICE_SCOPES;

interface TokenOptions {
  expires: number;
  data: string;
  service?: true;
  as?: string[];
  scopes?: string[];
}

/** The command `token`, of `npm run token` and of the command line. It prints a token, and nothing else, with `say`. */
export const tokenCommand = (say: (token: string) => unknown): Command =>
  new Command('token')
    .description('Print a token with which [user] can log in; or, with --service, one for HTTP.')
    .argument(
      '[user]',
      'user id: 1 to 128 of A-Z a-z 0-9 . _ : @ -; of a service token its name (default "service")',
    )
    .option('--expires <seconds>', 'valid for this long from now', seconds, 3_600)
    .option('--service', 'a service token: it acts over HTTP as other users, and does not log in')
    .option('--as <users>', 'the users that it acts as, separated by commas; * for all', list)
    .option('--scopes <scopes>', `what it may do, separated by commas: ${SCOPES.join(', ')}`, list)
    .option('--data <dir>', 'data folder of the stack', '.sixfold')
    .action(async (user: string | undefined, options: TokenOptions) => {
      say(await makeToken(user, options));
    });

async function makeToken(subject: string | undefined, options: TokenOptions): Promise<string> {
  const { expires, data } = options;
  const claims = claimsOf(options);
  const user = subject ?? (options.service ? 'service' : undefined);
  if (user === undefined) throw new Error('Name the user, or say --service.');
  return signToken(findSecret(data), user, expires, claims);
}

/** The secret of the gateways: AUTH_SECRET, else the one of the local stack. @throws Error when there is none */
export function findSecret(data: string): string {
  const secret = secretFromEnvironment() ?? readSecret(authSecretFile(resolve(data)));
  if (!secret) {
    throw new Error(
      `No secret: neither AUTH_SECRET is set, nor is there ${authSecretFile(data)}.\n` +
        'Run `npm start` once, which makes one (--data if it is elsewhere), or set AUTH_SECRET as for the gateways.',
    );
  }
  return secret;
}

/** Nothing is granted that was not asked for. */
function claimsOf({ service, as, scopes }: TokenOptions) {
  if (!service) {
    if (as ?? scopes) throw new Error('--as and --scopes belong to a service token: say --service, too.');
    return {};
  }
  if (!as || !scopes)
    throw new Error(
      'A service token needs --as (users, or "*" for all) and --scopes (' + SCOPES.join(', ') + ').',
    );
  const unknown = scopes.filter((scope) => !SCOPES.includes(scope));
  if (unknown.length > 0)
    throw new Error(`No such scope: ${unknown.join(', ')}. There are ${SCOPES.join(', ')}.`);
  return { sixfold: { as, scopes } };
}

const seconds = (text: string): number => {
  if (Number.isInteger(Number(text))) return Number(text);
  throw new InvalidArgumentError('It must be a whole number of seconds.');
};

/** Items separated by commas. */
export const list = (text: string): string[] =>
  text.split(',').flatMap((item) => (item.trim() === '' ? [] : [item.trim()]));
