import { Command } from 'commander';
import { integer } from '../../integer.ts';
import type { Client } from '../../../libs/client/index.ts';
import type { Surroundings } from '../surroundings.ts';
import { writeLine } from '../surroundings.ts';
import { number, type TargetOptions, userId, withTarget } from '../target/options.ts';
import { closedFor, openSession } from '../target/session.ts';
import { levelStorage, storageFolder } from '../target/storage.ts';

interface ListenOptions extends TargetOptions {
  as?: string;
  device: string;
  storage?: string;
  count?: number;
  for?: number;
  markRead?: true;
  signals?: true;
  receipts?: true;
}

const HELP = `
A line is {"type":"message","from","id","at","body",…}; also "receipt" and "signal", where asked for. A message counts as
delivered when its line is written: what a killed program may have missed comes again, marked "again".

Examples:
  sixfold listen --as bob | jq -r '.from + ": " + (.body | tostring)'
  sixfold listen --as bob --count 1
`;

/** The command `listen`. */
export const listenCommand = (surroundings: Surroundings): Command =>
  withTarget(new Command('listen'))
    .description('Print the messages of a user as JSON lines, those in the mailbox first.')
    .option('--as <user>', 'the user; default: the one of --token', userId)
    .option('--count <n>', 'end after as many messages', integer(1, 1e9))
    .option('--for <s>', 'end after this time', number(0.1, 1e7))
    .option('--mark-read', 'tell the senders that the messages are read')
    .option('--receipts', 'also receipts for messages of earlier runs')
    .option('--signals', 'also signals, such as typing')
    .option('--device <name>', 'name of the device', 'cli')
    .option('--storage <dir>', 'folder that remembers which messages were printed; default: one of this user')
    .addHelpText('after', HELP)
    .action((options: ListenOptions) => listen(options, surroundings));

async function listen(options: ListenOptions, surroundings: Surroundings): Promise<void> {
  const { as, device, storage } = options;
  const ending = Promise.withResolvers<undefined>();
  const end = (error?: Error) => (error ? ending.reject(error) : ending.resolve(undefined));
  ending.promise.catch(() => undefined); // there may be no session yet
  const wanted = {
    ...{ as, device },
    storage: (user: string, url: string) =>
      levelStorage(storage ?? storageFolder(surroundings.env, { url, user, device })),
    prepare: (client: Client) => printAll(client, options, surroundings, end),
  };
  const { client } = await openSession(options, wanted, surroundings);
  const stop = surroundings.onInterrupt(() => end());
  const timer = options.for === undefined ? undefined : setTimeout(end, options.for * 1_000);
  client.onStatus((status) => status.state === 'closed' && end(closedFor(status.reason)));
  try {
    await ending.promise;
  } finally {
    clearTimeout(timer);
    stop();
    await client.close();
  }
}

/** Prints what comes. @param end called after the last line, or when there is no reader any more */
function printAll(
  client: Client,
  options: ListenOptions,
  { output }: Surroundings,
  end: (error?: Error) => void,
): void {
  let left = options.count ?? Infinity;
  const print = (type: string, fields: object) => writeLine(output, JSON.stringify({ type, ...fields }));
  output.once('error', end);
  client.onMessage(async (message) => {
    // Those beyond --count stay with the server.
    if (left <= 0) return new Promise(() => undefined);
    left -= 1;
    await print('message', message);
    if (options.markRead) client.markRead(message);
    if (left === 0) setImmediate(() => end());
    return undefined;
  });
  if (options.receipts) client.onReceipt((receipt) => print('receipt', receipt));
  if (options.signals) client.onSignal((signal) => void print('signal', signal).catch(end));
}
