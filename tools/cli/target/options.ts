import { type Command, InvalidArgumentError, Option } from 'commander';
import { resolve } from 'node:path';
import { readStackFile } from '../../stack/stack-file.ts';
import { list } from '../token/command.ts';
import { gatewayUrl } from './gateway-url.ts';

/** Options of every command that connects. */
export interface TargetOptions {
  url?: string[];
  token?: string;
  tokenCommand?: string;
  data: string;
  /** Seconds. */
  connectTimeout: number;
}

const urls = (text: string, earlier: string[] = []): string[] => [...earlier, ...list(text).map(gatewayUrl)];

const USER_ID = /^[A-Za-z0-9._:@-]{1,128}$/;

/** A user id, by the rule of the protocol. */
export function userId(text: string): string {
  if (USER_ID.test(text)) return text;
  throw new InvalidArgumentError(`"${text}" is no user id: 1 to 128 of A-Z a-z 0-9 . _ : @ -`);
}

/** User ids, separated by commas. */
export const userIds = (text: string): string[] => list(text).map(userId);

/** A number from `least` to `most`, also with a fraction. */
export const number =
  (least: number, most: number) =>
  (text: string): number => {
    const value = Number(text);
    if (text.trim() !== '' && value >= least && value <= most) return value;
    throw new InvalidArgumentError(`It must be a number from ${least} to ${most}.`);
  };

/** Adds the options that say where the gateway is, and whose token is used. */
export const withTarget = (command: Command): Command =>
  command
    .addOption(
      new Option('--url <url>', 'a gateway, such as wss://chat.example/ws; several: repeat it, or use commas')
        .env('SIXFOLD_URL')
        .argParser(urls),
    )
    .addOption(new Option('--token <jwt>', 'a token to log in with').env('SIXFOLD_TOKEN'))
    .addOption(
      new Option(
        '--token-command <command>',
        'a shell command that prints a token for the user in $SIXFOLD_USER',
      ).env('SIXFOLD_TOKEN_COMMAND'),
    )
    .option('--data <dir>', 'data folder of `npm start`, for its gateways and its secret', '.sixfold')
    .option('--connect-timeout <s>', 'longest time until there is a session', number(0.1, 3_600), 15)
    .addHelpText(
      'after',
      '\nWithout --url: the gateways of `npm start` in --data, else ws://127.0.0.1:8080/ws.' +
        '\nWithout --token and --token-command: tokens are signed with AUTH_SECRET, else with the secret in --data.',
    );

/** The addresses that the options name, else those of the local stack, else the default port of this machine. */
export function gatewaysOf({ url, data }: Pick<TargetOptions, 'url' | 'data'>): string[] {
  const known = url ?? readStackFile(resolve(data))?.gateways ?? [];
  return known.length > 0 ? known : ['ws://127.0.0.1:8080/ws'];
}
