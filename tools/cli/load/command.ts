import { Command } from 'commander';
import { randomUUID } from 'node:crypto';
import type { Client } from '../../../libs/client/index.ts';
import { integer } from '../../integer.ts';
import { sendAtRate } from '../../load/clients/schedule.ts';
import { table } from '../../table.ts';
import { CliError, EXIT } from '../exit.ts';
import { type Surroundings, writeLine } from '../surroundings.ts';
import { gatewaysOf, number, type TargetOptions, withTarget } from '../target/options.ts';
import { openSession } from '../target/session.ts';
import { Tally } from './tally.ts';

interface LoadOptions extends TargetOptions {
  pairs: number;
  rate: number;
  seconds: number;
  bytes: number;
  remote?: true;
  json?: true;
}

interface Sender {
  client: Client;
  to: string;
}

/** Most messages without their receipt; beyond it a message that is due is left out, and counted. */
const MOST_UNDER_WAY = 10_000;
/** How long the last receipts may take. */
const REST_MS = 15_000;
const REPORT_EVERY_MS = 250;

const HELP = `
Its users are made up (load-…): tokens must come from a secret, or from --token-command. Latency counts from the moment at
which a message was due. What a machine can do at most shows \`npm run load\` in a checkout.
`;

/** The command `load`. */
export const loadCommand = (surroundings: Surroundings): Command =>
  withTarget(new Command('load'))
    .description('Send messages at a rate between pairs of users, and measure how long each step takes.')
    .option('--pairs <n>', 'pairs of users', integer(1, 200), 5)
    .option('--rate <n>', 'messages a second, all pairs together', number(0.1, 2_000), 50)
    .option('--seconds <s>', 'for how long', number(1, 600), 10)
    .option('--bytes <n>', 'size of a body', integer(1, 60_000), 100)
    .option('--remote', 'also against a gateway that is not on this machine')
    .option('--json', 'print the result as a line of JSON')
    .addHelpText('after', HELP)
    .action((options: LoadOptions) => load(options, surroundings));

async function load(options: LoadOptions, surroundings: Surroundings): Promise<void> {
  checkTarget(options);
  const clients: Client[] = [];
  try {
    const senders = await logIn(options, surroundings, clients);
    const tally = new Tally();
    await send(senders, tally, options, surroundings);
    const result = tally.result(options.seconds);
    const text = options.json
      ? JSON.stringify(result)
      : table(tally.rows(options.seconds), 'right').join('\n');
    await writeLine(surroundings.output, text);
    const missing = result.sent - result.delivered;
    if (missing > 0)
      throw new CliError(EXIT.waiting, `${missing} messages were not delivered in time: run \`doctor\`.`);
  } finally {
    await Promise.all(clients.map((client) => client.close({ flushMs: 0 })));
  }
}

function checkTarget(options: LoadOptions): void {
  if (options.token !== undefined)
    throw new CliError(EXIT.usage, 'A --token is for one user: use --token-command, or a secret.');
  const far = gatewaysOf(options).find((url) => !isHere(url));
  if (far !== undefined && !options.remote)
    throw new CliError(EXIT.usage, `${far} is not on this machine: say --remote if it may have the load.`);
}

/** @param clients gets every client, to be closed */
async function logIn(options: LoadOptions, surroundings: Surroundings, clients: Client[]): Promise<Sender[]> {
  const run = randomUUID().slice(0, 8);
  const open = async (user: string) => {
    const { client } = await openSession(options, { as: user, device: 'load' }, surroundings);
    clients.push(client);
    return client;
  };
  const senders: Sender[] = [];
  for (let pair = 0; pair < options.pairs; pair++) {
    const to = `load-${run}-${pair}-b`;
    (await open(to)).onMessage(() => undefined);
    senders.push({ client: await open(`load-${run}-${pair}-a`), to });
  }
  return senders;
}

async function send(
  senders: readonly Sender[],
  tally: Tally,
  { rate, seconds, bytes }: LoadOptions,
  { errors, onInterrupt }: Surroundings,
): Promise<void> {
  const { default: ora } = await import('ora');
  const bar = ora({
    discardStdin: false,
    isSilent: errors.isTTY !== true,
  }).start();
  const body = 'x'.repeat(bytes);
  const began = performance.now();
  const stop = new AbortController();
  const forget = onInterrupt(() => stop.abort());
  let next = 0;
  const timer = sendAtRate(rate, (due) => {
    const sender = senders[next++ % senders.length];
    if (!sender || tally.underWay >= MOST_UNDER_WAY) tally.leaveOut();
    else tally.follow(sender.client.send(sender.to, body), due);
  });
  const report = setInterval(() => {
    const part = Math.min(1, (performance.now() - began) / 1_000 / seconds);
    bar.text = `${barOf(part)} ${tally.text()}`;
  }, REPORT_EVERY_MS);
  await until(seconds * 1_000, () => stop.signal.aborted);
  clearInterval(timer);
  await until(REST_MS, () => tally.underWay === 0);
  clearInterval(report);
  bar.stop();
  forget();
}

const WIDTH = 24;

const barOf = (part: number): string => {
  const full = Math.round(part * WIDTH);
  return `${'█'.repeat(full)}${'░'.repeat(WIDTH - full)} ${Math.round(part * 100)} %`;
};

/** Resolves when it holds, or the time is over. */
async function until(ms: number, holds: () => boolean): Promise<void> {
  const end = performance.now() + ms;
  while (performance.now() < end && !holds()) await new Promise((resolve) => setTimeout(resolve, 20));
}

/** Whether an address is of this machine. */
export const isHere = (url: string): boolean =>
  /^(localhost|127(\.\d+){3}|\[::1\])$/.test(new URL(url).hostname);
