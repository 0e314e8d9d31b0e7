import { Command } from 'commander';
import { Writable } from 'node:stream';
import { CliError, EXIT } from '../exit.ts';
import type { Surroundings } from '../surroundings.ts';
import { type TargetOptions, userId, userIds, withTarget } from '../target/options.ts';
import { closedFor, openSession } from '../target/session.ts';
import { levelStorage, storageFolder } from '../target/storage.ts';
import { Chat, HELP } from './chat.ts';
import { Screen } from './screen.ts';

interface ChatCommandOptions extends TargetOptions {
  as?: string;
  to: string[];
  device: string;
  storage?: string;
  thread?: string;
  read: boolean;
}

/** The command `chat`. */
export const chatCommand = (surroundings: Surroundings): Command =>
  withTarget(new Command('chat'))
    .description('Chat in the terminal, with the true state of each message, typing and read marks.')
    .option('--as <user>', 'the user; default: the one of --token', userId)
    .requiredOption('--to <users>', 'the receivers, separated by commas', userIds)
    .option('--thread <thread>', 'name of the conversation')
    .option('--no-read', 'do not tell senders that you have read their messages')
    .option('--device <name>', 'name of the device', 'cli')
    .option('--storage <dir>', 'folder that keeps messages until the next run; default: one of this user')
    .addHelpText('after', `\nIn the chat:\n${HELP.map((line) => `  ${line}`).join('\n')}\n`)
    .addHelpText('after', 'A message is read when you press a key after it came.\n')
    .action((options: ChatCommandOptions) => chat(options, surroundings));

async function chat(options: ChatCommandOptions, surroundings: Surroundings): Promise<void> {
  const { as, to, device, thread, read } = options;
  const { input, output, env } = surroundings;
  if (!input.isTTY || !output.isTTY)
    throw new CliError(EXIT.usage, 'A chat needs a terminal: use send and listen in scripts.');
  let folder = '';
  const storage = (user: string, url: string) =>
    levelStorage((folder = options.storage ?? storageFolder(env, { url, user, device })));
  let print = (text: string): void => void surroundings.errors.write(`${text}\n`);
  const errors = lineWriter((text) => print(text));
  const { client, user } = await openSession(options, { as, device, storage }, { env, errors });

  const ending = Promise.withResolvers<undefined>();
  const screen = new Screen(surroundings, {
    line: (text) => talk.line(text),
    key: (text) => talk.key(text),
    end: () => ending.resolve(undefined),
  });
  const talk = new Chat(client, screen, {
    ...{ to, thread, marksRead: read, parseUsers: userIds },
    end: (closed) => (closed ? ending.reject(closedFor(closed.reason)) : ending.resolve(undefined)),
  });
  print = (text) => screen.print(text);
  screen.print(`You are ${user}, and write to ${to.join(', ')}. /help says more, Ctrl-D ends.`);
  talk.begin();
  try {
    await ending.promise;
  } finally {
    talk.end();
    screen.close();
    const left = client.outbox().filter(({ state }) => state === 'sending').length;
    await client.close();
    if (left > 0) output.write(`${left} messages were not accepted: the next chat sends them (${folder}).\n`);
  }
}

/** A stream whose text goes to `print`, without the end of its line. */
const lineWriter = (print: (text: string) => void): Writable =>
  new Writable({
    write(chunk: Buffer, _encoding, done) {
      print(chunk.toString().trimEnd());
      done();
    },
  });
