import { Command, InvalidArgumentError, Option } from 'commander';
import { FAULT_NAMES, type FaultName } from './chaos/faults/faults.ts';
import type { ChaosOptions } from './chaos/options.ts';
import { runChaos } from './chaos/run.ts';
import { progressLine } from './progress.ts';
import { REPOSITORY } from './stack/environment.ts';
import { integer } from './integer.ts';

/** After the last fault everything must have come through within this time, milliseconds. */
const PATIENCE_MS = 180_000;
/** Share of the messages on which the receiving application fails. */
const FAILING = 0.002;
/** Fault names and beginnings of them, separated by commas: `kill` is all that kill. */
function faults(text: string): FaultName[] {
  const wanted = text === 'none' ? [] : text.split(',').map((name) => name.trim());
  const unknown = wanted.find((name) => !FAULT_NAMES.some((fault) => fault.startsWith(name)));
  if (unknown !== undefined)
    throw new InvalidArgumentError(`There is no "${unknown}"; there are ${FAULT_NAMES.join(', ')}.`);
  return FAULT_NAMES.filter((fault) => wanted.some((name) => fault.startsWith(name)));
}

async function chaos(options: Omit<ChaosOptions, 'root' | 'patienceMs' | 'failing'>): Promise<void> {
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

await new Command('npm run chaos --')
  .description(
    'Reference clients under a nemesis that kills, stops, stalls and cuts off everything, and a checker that compares what they saw with what was promised.',
  )
  .addOption(new Option('--seconds <n>', 'how long').argParser(integer(1, 86_400)).default(60))
  .addOption(
    new Option('--seed <n>', 'decides what happens and when')
      .argParser(integer(0, 2 ** 31 - 1))
      .default(Math.floor(Math.random() * 1_000_000), 'at random'),
  )
  .addOption(new Option('--pairs <n>', 'pairs of users').argParser(integer(1, 10_000)).default(10))
  .addOption(new Option('--rate <n>', 'messages a second').argParser(integer(1, 10_000)).default(30))
  .addOption(
    new Option('--faults <names>', 'names or beginnings of names, separated by commas; none')
      .argParser(faults)
      .default(FAULT_NAMES, 'all'),
  )
  .addOption(
    new Option('--at-once <n>', 'faults at the same time, at most; with 1, waits are told for each kind')
      .argParser(integer(1, 100))
      .default(2),
  )
  .option('--only <text>', 'hurt only those whose name holds this, such as gateway-1', '')
  .addOption(
    new Option('--client-processes <n>', 'processes that the clients live in')
      .argParser(integer(1, 100))
      .default(2),
  )
  .addOption(new Option('--gateways <n>').argParser(integer(1, 20)).default(2))
  .addOption(new Option('--routing <n>').argParser(integer(1, 20)).default(2))
  .addOption(new Option('--ack <n>').argParser(integer(1, 20)).default(2))
  .option('--cluster', 'three broker nodes instead of one', false)
  .option('--pooler', 'PgBouncer between the services and the database', false)
  .addHelpText('after', `\nFaults: ${FAULT_NAMES.join(', ')}`)
  .action(chaos)
  .parseAsync();
