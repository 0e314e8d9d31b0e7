import { Command, InvalidArgumentError, Option } from 'commander';
import { FAULT_NAMES, type FaultName } from './chaos/faults/faults.ts';
import type { ChaosOptions } from './chaos/options.ts';
import { tellPlanted } from './chaos/planted/tell.ts';
import { runChaos } from './chaos/run.ts';
import { progressLine } from './progress.ts';
import { REPOSITORY } from './stack/environment.ts';
import { integer, withSeed } from './integer.ts';

/** Time from the last fault until everything must be at rest, milliseconds. */
const PATIENCE_MS = 180_000;
/** Share of the messages on which the receiving application fails. */
const FAILING = 0.002;

/** Fault names and beginnings of them, separated by commas: `kill` for all that begin with it. */
function faults(text: string): FaultName[] {
  const wanted = text === 'none' ? [] : text.split(',').map((name) => name.trim());
  const unknown = wanted.find((name) => !FAULT_NAMES.some((fault) => fault.startsWith(name)));
  if (unknown !== undefined)
    throw new InvalidArgumentError(`There is no "${unknown}"; there are ${FAULT_NAMES.join(', ')}.`);
  return FAULT_NAMES.filter((fault) => wanted.some((name) => fault.startsWith(name)));
}

interface Options extends Omit<ChaosOptions<FaultName>, 'root' | 'patienceMs' | 'failing'> {
  planted: boolean;
}

async function chaos({ planted, ...options }: Options): Promise<void> {
  if (planted) {
    if (!(await tellPlanted())) process.exitCode = 1;
    return;
  }
  const { seconds, seed, pairs, rate, cluster, pooler } = options;
  console.log(
    `${pairs} pairs, ${rate} messages/s, ${seconds} s, ${cluster ? 'three broker nodes' : 'one broker node'}${pooler ? ', PgBouncer' : ''}, seed ${seed}`,
  );
  const line = progressLine();
  const result = await runChaos(
    { ...options, patienceMs: PATIENCE_MS, failing: FAILING, root: REPOSITORY },
    line,
  ).finally(line.done);
  console.log(result.report);
  if (result.violations.length === 0) return;
  console.log(`\nLogs and histories: ${result.dataDir}\nThe same again: --seed ${seed}`);
  process.exitCode = 1;
}

const command = new Command('npm run chaos --').description(
  'Reference clients, a nemesis that kills, freezes, stalls and cuts off everything, and a checker that compares what clients saw with what they were promised.',
);
await withSeed(command, 'decides what happens and when')
  .option('--seconds <n>', 'how long', integer(1, 86_400), 60)
  .option('--pairs <n>', 'pairs of users', integer(1, 10_000), 10)
  .option('--rate <n>', 'messages a second', integer(1, 10_000), 30)
  .option('--quota <n>', 'messages that a mailbox can hold', integer(1, 100_000), 500)
  .addOption(
    new Option('--faults <names>', 'names or beginnings of names, separated by commas; none')
      .argParser(faults)
      .default(FAULT_NAMES, 'all'),
  )
  .option('--at-once <n>', 'most faults at a time; with 1, waits for each kind', integer(1, 100), 2)
  .option('--only <text>', 'only targets whose name contains this, such as gateway-1', '')
  .option('--client-processes <n>', 'processes with clients', integer(1, 100), 2)
  .option('--browsers <n>', 'real browsers with clients: Chromium, Firefox and so on', integer(0, 20), 0)
  .option('--gateways <n>', '', integer(1, 20), 2)
  .option('--routing <n>', '', integer(1, 20), 2)
  .option('--ack <n>', '', integer(1, 20), 2)
  .option('--webhook <n>', 'with 0, nobody wants events', integer(0, 20), 2)
  .option('--cluster', 'three broker nodes instead of one', false)
  .option('--pooler', 'PgBouncer between the services and the database', false)
  .option(
    '--planted',
    'instead: looks whether chaos finds bugs planted in a copy of the code (about 13 minutes)',
    false,
  )
  .addHelpText('after', `\nFaults: ${FAULT_NAMES.join(', ')}`)
  .action(chaos)
  .parseAsync();
