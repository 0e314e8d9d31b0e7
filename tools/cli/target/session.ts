import {
  type Client,
  type ClientError,
  connect,
  type Session,
  type Status,
  type Storage,
} from '../../../libs/client/index.ts';
import { within } from '../../../libs/runtime/backoff.ts';
import { CliError, EXIT } from '../exit.ts';
import { type Surroundings, writeLine } from '../surroundings.ts';
import { credentialsOf } from './credentials.ts';
import { gatewaysOf, type TargetOptions } from './options.ts';

/** What a command wants of its client. */
export interface Wanted {
  as: string | undefined;
  device: string;
  /** Makes the storage of this user; default: in memory. */
  storage?: (user: string, url: string) => Promise<Storage | undefined>;
  /** Sets handlers before there is a session. */
  prepare?: (client: Client) => void;
}

/** A client with a session. */
export interface Connected {
  client: Client;
  session: Session;
  user: string;
}

/** Connects as the options say. Errors of the client go to `errors`. @throws CliError when there is no session in time */
export async function openSession(
  options: TargetOptions,
  { as, device, storage, prepare }: Wanted,
  { env, errors }: Pick<Surroundings, 'env' | 'errors'>,
): Promise<Connected> {
  const { user, token } = credentialsOf(options, as, env);
  const urls = gatewaysOf(options);
  const own = await storage?.(user, urls[0] ?? '');
  const client = start(() => connect({ urls, token, user, device, ...(own && { storage: own }) }));
  let last: ClientError | undefined;
  let isOpen = false;
  client.onError((error) => {
    // Before there is a session, one sentence says why; later, each error is told once.
    if (isOpen && error.message !== last?.message)
      void writeLine(errors, `${error.code}: ${sayError(error)}`);
    last = error;
  });
  prepare?.(client);
  // Why it rejects stands in the status.
  const session = await within(options.connectTimeout * 1_000, client.connected()).catch(() => undefined);
  isOpen = session !== undefined;
  if (session) return { client, session, user };
  const failure = whyNot(client.status, urls, options.connectTimeout, last);
  await client.close({ flushMs: 0 });
  throw failure;
}

/** @throws CliError for a name that the protocol does not allow */
function start(connecting: () => Client): Client {
  try {
    return connecting();
  } catch (error) {
    if (error instanceof TypeError) throw new CliError(EXIT.usage, `${error.message}.`, { cause: error });
    throw error;
  }
}

const sayError = ({ message, cause }: ClientError): string =>
  cause instanceof Error ? `${message}: ${cause.message}` : message;

const WHY_CLOSED: Readonly<Record<string, string>> = {
  unauthorized: 'The gateway refused the token: get a new one, or sign it with the secret of the gateways.',
  revoked: 'The gateway refuses this user: an operator revoked the sessions, or there are too many devices.',
  replaced: 'The same user logged in on the same device: give this one another name with --device.',
  storage:
    'The storage cannot be opened: end the program that uses it, or name another folder with --storage.',
  owner: 'The storage belongs to another user: name another folder with --storage.',
};

/** Why a client has no session, as the sentence and exit code of a command. */
export function whyNot(
  status: Status,
  urls: readonly string[],
  seconds: number,
  last: ClientError | undefined,
): CliError {
  if (status.state === 'closed') return closedFor(status.reason);
  const reason = status.state === 'waiting' ? status.reason : status.state;
  if (reason === 'unauthorized') return closedFor(reason);
  const hint = last?.code === 'token' ? sayError(last) : reason;
  return new CliError(
    EXIT.unreachable,
    `No session at ${urls.join(', ')} within ${seconds} s (${hint}): check the address, and run \`doctor\`.`,
  );
}

/** What to do about a client that was closed. */
export const closedFor = (reason: string): CliError =>
  new CliError(
    EXIT.refused,
    WHY_CLOSED[reason] ?? `The gateway ended the session (${reason}): run \`doctor\`.`,
  );
