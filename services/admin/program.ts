import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { MAX_REPORTED } from '#libs/broker/slow-sessions-report.ts';
import { DeviceId, MessageId, UserId } from '#libs/protocol/names.ts';
import { ConfigError } from '#libs/runtime/config.ts';
import { readAdminConfig } from './config.ts';
import type { Outcome } from './dead/commands.ts';
import { AdminError } from './errors.ts';
import { Operator } from './operator.ts';
import {
  devicesText,
  lookText,
  mailboxText,
  messageText,
  outcomeText,
  partitionsText,
  sessionsText,
  slowText,
} from './output.ts';

/** The program's surroundings. */
export interface Surroundings {
  env: NodeJS.ProcessEnv;
  out: (text: string) => unknown;
  err: (text: string) => unknown;
}

/** Arguments of a command. */
interface Context {
  /** @throws ConfigError */
  operator: () => Operator;
  /** Prints the answer: the value for programs, the text for people. */
  say: (value: object, text: string) => void;
}

/**
 * The operator's program. It reads the database, and talks to the services through their queues, as they do with each
 * other; it needs no access to their processes.
 *
 * @returns the exit code
 */
export async function admin(args: readonly string[], { env, out, err }: Surroundings): Promise<number> {
  const json = args.includes('--json');
  const context: Context = {
    operator: () => new Operator(readAdminConfig(env)),
    say: (value, text) => out(json ? JSON.stringify(value) : text),
  };
  const program = new Command('admin')
    .description('Look after a running Sixfold (AMQP_URL, DATABASE_URL: as for the services).')
    .option('--json', 'answers, and errors, as one line of JSON')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => out(text.trimEnd()),
      writeErr: (text) => json || err(text.trimEnd()),
    });
  addUserCommands(program, context);
  addDevices(program, context);
  addRevoke(program, context);
  addErase(program, context);
  addMessage(program, context);
  addPartitions(program, context);
  addSlow(program, context);
  addDead(program.command('dead').description('what no service could read: sixfold.dead'), context);
  try {
    await program.parseAsync(args, { from: 'user' });
    return 0;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return 0; // --help
    const code = codeOf(error);
    const message = error instanceof Error ? error.message : String(error);
    if (json) err(JSON.stringify({ error: { code, message } }));
    else if (!(error instanceof CommanderError)) err(`${code}: ${message}`); // commander has printed it
    return 1;
  }
}

function addUserCommands(program: Command, { operator, say }: Context): void {
  const ofUser = (command: string, description: string) =>
    program.command(command).description(description).argument('<user>', 'user id', name(UserId));

  ofUser('mailbox', 'count what waits for a user').action(async (user: string) => {
    const counts = await operator().mailbox(user);
    say({ user, ...counts }, mailboxText(user, counts));
  });

  ofUser('sessions', 'where a user is connected').action(async (user: string) => {
    const sessions = await operator().sessions(user);
    say({ user, sessions }, sessionsText(sessions));
  });

  ofUser('disconnect', 'end the sessions of a user; the clients may come back')
    .option('--device <device>', 'only the one on this device', name(DeviceId))
    .action(async (user: string, { device }: { device?: string }) => {
      const gone = await operator().disconnect(user, device);
      say({ user, ...gone }, `disconnected\n${sessionsText(gone.sessions)}`);
    });
}

function addDevices(program: Command, { operator, say }: Context): void {
  const ofUser = (command: string, description: string) =>
    program.command(command).description(description).argument('<user>', 'user id', name(UserId));

  ofUser('devices', 'the synced devices of a user, and what waits for them').action(async (user: string) => {
    const devices = await operator().devices(user);
    say({ user, devices }, devicesText(devices));
  });

  ofUser('remove-device', 'remove a synced device with its mailbox; a connected client is logged out')
    .argument('<device>', 'device id', name(DeviceId))
    .action(async (user: string, device: string) => {
      const removed = await operator().removeDevice(user, device);
      say({ user, removed }, `removed\n${devicesText([removed])}`);
    });
}

function addRevoke(program: Command, { operator, say }: Context): void {
  program
    .command('revoke')
    .description('end the sessions of a user, and refuse the tokens issued before now')
    .argument('<user>', 'user id', name(UserId))
    .action(async (user: string) => {
      const at = await operator().revoke(user);
      say({ user, at }, `revoked: tokens of ${user} from before ${new Date(at).toISOString()} are refused`);
    });
}

function addErase(program: Command, { operator, say }: Context): void {
  program
    .command('erase')
    .description(
      'revoke a user, and delete devices, mailbox and receipts; senders are told `rejected`, `expired`',
    )
    .argument('<user>', 'user id', name(UserId))
    .action(async (user: string) => {
      const at = await operator().erase(user);
      say({ user, at }, `erased: nothing of ${user} from before ${new Date(at).toISOString()} is left`);
    });
}

function addMessage(program: Command, { operator, say }: Context): void {
  program
    .command('message')
    .description('where copies of a message wait, and receipts about it')
    .argument('<from>', 'user id of its sender', name(UserId))
    .argument('<id>', 'message id', name(MessageId))
    .option('--to <user>', 'only this receiver: faster where millions of messages wait', name(UserId))
    .action(async (from: string, id: string, { to }: { to?: string }) => {
      const found = await operator().message(from, id, to);
      say({ from, id, ...found }, messageText(found));
    });
}

function addPartitions(program: Command, { operator, say }: Context): void {
  program
    .command('partitions')
    .description('the route queues: what waits in each, and how many consumers it has')
    .action(async () => {
      const partitions = await operator().partitions();
      say({ partitions }, partitionsText(partitions));
    });
}

function addSlow(program: Command, { operator, say }: Context): void {
  program
    .command('slow')
    .description('which sessions have not settled what they were sent, by the number of messages')
    .option('--most <n>', 'sessions to show', whole(1, MAX_REPORTED), 20)
    .option('--wait <ms>', 'how long gateways may take to answer', whole(1, 60_000), 3_000)
    .action(async ({ most, wait: waitMs }: { most: number; wait: number }) => {
      const slow = await operator().slow({ most, waitMs });
      say(slow, slowText(slow));
      if (slow.silent.length > 0)
        throw new AdminError('no_answer', `no answer from ${slow.silent.join(', ')}`);
    });
}

function addDead(dead: Command, { operator, say }: Context): void {
  const settled = (verb: string, outcome: Outcome) => {
    say({ [verb]: outcome.done, failed: outcome.failed }, outcomeText(verb, outcome));
    if (outcome.failed.length > 0)
      throw new AdminError('not_requeued', `${outcome.failed.length} could not be dealt with`);
  };
  dead
    .command('list')
    .description('show what lies there, without bodies')
    .option('--most <n>', 'AMQP messages to look at', whole(1, 100_000), 1_000)
    .action(async ({ most }: { most: number }) => {
      const found = await operator().lookAtDead(most);
      say(found, lookText(found));
    });
  dead
    .command('requeue')
    .description('put letters back to where they were read')
    .argument('[letters...]', 'names, as `dead list` shows them')
    .option('--all', 'all that can be')
    .action(async (letters: string[], { all = false }: { all?: boolean }) => {
      if (all === letters.length > 0) throw new AdminError('bad_usage', 'name letters, or say --all');
      settled('requeued', await operator().requeueDead(all ? 'all' : letters));
    });
  dead
    .command('discard')
    .description('throw letters away for good')
    .argument('<letters...>', 'names, as `dead list` shows them')
    .action(async (letters: string[]) => {
      settled('discarded', await operator().discardDead(letters));
    });
}

/** A name by the protocol's rules. */
const name = (schema: typeof UserId) => (text: string) => {
  const read = schema.safeParse(text);
  if (read.success) return read.data;
  throw new InvalidArgumentError(read.error.issues[0]?.message ?? 'It is no name.');
};

const whole = (least: number, most: number) => (text: string) => {
  const value = Number(text);
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw new InvalidArgumentError(`It must be a whole number from ${least} to ${most}.`);
};

/** @throws errors that are bugs of ours */
function codeOf(error: unknown): string {
  if (error instanceof AdminError || error instanceof ConfigError) return error.code;
  if (error instanceof CommanderError) return 'bad_usage';
  throw error;
}
