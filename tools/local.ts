import { Command, Option } from 'commander';
import { resolve } from 'node:path';
import { explain } from './stack/failure.ts';
import type { LocalOptions } from './stack/plan.ts';
import { startInBackground, startInForeground, superviseInBackground } from './stack/start.ts';
import { stackStatus } from './stack/status.ts';
import { stopStack } from './stack/leftovers.ts';
import { terminalReport } from './stack/terminal.ts';
import { integer } from './integer.ts';

/** What `start` takes from the command line. */
interface StartOptions extends Omit<LocalOptions, 'dataDir'> {
  data: string;
  detach?: true;
  supervise?: true;
}

const DEFAULT_DATA = '.sixfold';

const dataOption = () => new Option('--data <dir>', 'folder for data, secret and logs').default(DEFAULT_DATA);

async function start({ data, detach, supervise, ...rest }: StartOptions): Promise<void> {
  const options = { ...rest, dataDir: resolve(data) };
  if (supervise) return superviseInBackground(options);
  if (detach) return startInBackground(options, [...process.argv.slice(2), '--supervise']);
  return startInForeground(options);
}

async function stop({ data }: { data: string }): Promise<void> {
  const found = await stopStack(resolve(data), terminalReport());
  if (!found) console.log(`Nothing runs with its data in ${resolve(data)}.`);
}

async function status({ data }: { data: string }): Promise<void> {
  const { running, text } = await stackStatus(resolve(data));
  console.log(text);
  process.exitCode = running ? 0 : 1;
}

const program = new Command('sixfold').description(
  'Sixfold on this machine, with its own RabbitMQ and PostgreSQL.',
);

program
  .command('start')
  .description('start everything and keep it running (AMQP_URL, DATABASE_URL: use those instead of own ones)')
  .option('--gateways <n>', 'number of gateways', integer(1, 99), 2)
  .option('--routing <n>', 'number of routing instances', integer(1, 99), 1)
  .option('--ack <n>', 'number of ack instances', integer(1, 99), 1)
  .option('--webhook <n>', 'number of webhook instances; default: 1 if WEBHOOK_URL is set', integer(0, 99))
  .option('--port <port>', 'port of the first gateway; the others follow', integer(1, 65_000), 8080)
  .addOption(dataOption())
  .option('--detach', 'return when everything is ready; `npm stop` ends it')
  .addOption(new Option('--supervise').hideHelp())
  .action(start);
program
  .command('stop')
  .description('end it, and return when nothing runs any more')
  .addOption(dataOption())
  .action(stop);
program
  .command('status')
  .description('what runs; exit code 1 when it does not')
  .addOption(dataOption())
  .action(status);

try {
  await program.parseAsync();
} catch (error) {
  console.error(explain(error));
  process.exitCode = 1;
}
// A start that was broken off may still be waiting for something.
process.exit();
