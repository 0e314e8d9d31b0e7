import { randomUUID } from 'node:crypto';
import { createInterface } from 'node:readline';
import { Command, Option } from 'commander';
import { CliError, EXIT } from '../exit.ts';
import type { Surroundings } from '../surroundings.ts';
import { number, type TargetOptions, userId, userIds, withTarget } from '../target/options.ts';
import { openSession } from '../target/session.ts';
import { levelStorage } from '../target/storage.ts';
import { Deliveries, type Wait, WAITS } from './deliveries.ts';

interface SendCommandOptions extends TargetOptions {
  as?: string;
  to: string[];
  wait: Wait;
  timeout: number;
  device?: string;
  storage?: string;
  id?: string;
  thread?: string;
  ttl?: number;
  parse?: true;
  json?: true;
}

const HELP = `
Without [body], each line of standard input is a message.
It prints a line for each receiver of each message: id, receiver, state.

Exit codes: 0 all messages are in the wanted state, 5 one was rejected or refused, 6 one was accepted and is not in the
wanted state in time (it may come later), 7 one was not accepted in time. The highest counts.

Examples:
  sixfold send --as alice --to bob "hello"
  tail -f orders.log | sixfold send --as shop --to bob,carol --wait stored
`;

/** The command `send`. */
export const sendCommand = (surroundings: Surroundings): Command =>
  withTarget(new Command('send'))
    .description('Send messages, and wait until they are delivered, stored or accepted; for scripts.')
    .argument('[body]', 'the message; default: the lines of standard input')
    .option('--as <user>', 'the sending user; default: the one of --token', userId)
    .requiredOption('--to <users>', 'the receivers, separated by commas', userIds)
    .addOption(new Option('--wait <state>', 'what to wait for').choices(WAITS).default('delivered'))
    .option('--timeout <s>', 'longest time for each message', number(0.1, 86_400), 30)
    .option('--id <id>', 'id of the message, to send it again after a failure; only with [body]')
    .option('--thread <thread>', 'name of a conversation')
    .option('--ttl <s>', 'the message is of no use after that', number(1, 2_592_000))
    .option('--parse', 'bodies are JSON; default: text')
    .option('--storage <dir>', 'keeps what was not accepted for the next run with the same --storage')
    .option('--device <name>', 'name of the device; default: a new one, or "send" with --storage')
    .option('--json', 'print JSON lines')
    .addHelpText('after', HELP)
    .action((body: string | undefined, options: SendCommandOptions) => send(body, options, surroundings));

async function send(
  body: string | undefined,
  options: SendCommandOptions,
  surroundings: Surroundings,
): Promise<void> {
  const { as, to, storage, timeout, wait, json, id, thread, ttl, parse } = options;
  if (id !== undefined && body === undefined)
    throw new CliError(EXIT.usage, 'An --id names one message: give its body as the argument.');
  const first = body === undefined ? undefined : parsed(body, parse);
  const device = options.device ?? (storage === undefined ? `send-${randomUUID().slice(0, 8)}` : 'send');
  const { client } = await openSession(
    options,
    { as, device, storage: async () => (storage === undefined ? undefined : levelStorage(storage)) },
    surroundings,
  );
  const { output, input, onInterrupt } = surroundings;
  const deliveries = new Deliveries({
    client,
    wait,
    timeoutMs: timeout * 1_000,
    output,
    json: json === true,
  });
  const stop = onInterrupt(() => deliveries.interrupt());
  const fields = { ...(thread !== undefined && { thread }), ...(ttl !== undefined && { ttl }) };
  const receivers = to.length === 1 && to[0] !== undefined ? to[0] : to;
  try {
    for (const earlier of client.outbox()) await deliveries.add(earlier);
    const bodies = first === undefined ? linesOf(input, parse) : [first];
    for await (const one of bodies) {
      if (deliveries.interrupted) break;
      await deliveries.add(
        client.send(receivers, one.body, {
          ...fields,
          ...(id !== undefined && { id }),
          read: wait === 'read',
        }),
      );
    }
    await deliveries.settle();
  } catch (error) {
    if (error instanceof TypeError) throw new CliError(EXIT.usage, `${error.message}.`, { cause: error });
    throw error;
  } finally {
    stop();
    await client.close();
  }
  deliveries.check();
}

interface Body {
  body: unknown;
}

async function* linesOf(input: Surroundings['input'], parse: true | undefined): AsyncGenerator<Body> {
  for await (const line of createInterface({ input, crlfDelay: Infinity }))
    if (line !== '') yield parsed(line, parse);
}

/** @throws CliError that does not quote it */
function parsed(text: string, parse: true | undefined): Body {
  if (!parse) return { body: text };
  try {
    return { body: JSON.parse(text) as unknown };
  } catch (cause) {
    throw new CliError(
      EXIT.usage,
      'With --parse each body must be JSON: quote texts, or leave --parse out.',
      { cause },
    );
  }
}
