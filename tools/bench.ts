import { join, resolve } from 'node:path';
import { Argument, Command, InvalidArgumentError, Option } from 'commander';
import { type BenchOptions, type ScenarioName, SCENARIOS, type Size } from './load/options.ts';
import { markdownOf } from './load/report/markdown.ts';
import { writeResults } from './load/report/write.ts';
import { type BenchResult, runBench } from './load/run.ts';
import { progressLine } from './progress.ts';
import { integer } from './integer.ts';

interface CommandLine extends Omit<BenchOptions, 'scenarios' | 'profiles' | 'env'> {
  out: string;
  profile: boolean;
  env: NodeJS.ProcessEnv | undefined;
}

async function bench(scenarios: ScenarioName[], commandLine: CommandLine): Promise<void> {
  const { out, profile, env, ...options } = commandLine;
  const folder = resolve(out);
  const profiles = profile ? join(folder, 'profiles') : undefined;
  const line = progressLine();
  // What the run started ends with this process, but only with one that ends by itself.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
  try {
    let files: string[] = [];
    const keep = (soFar: BenchResult) => void (files = writeResults(folder, soFar));
    const result = await runBench({ ...options, scenarios, profiles, ...(env && { env }) }, line, keep);
    line.done();
    console.log(markdownOf(result));
    console.log(`Also in ${files.join(', ')}`);
  } catch (error) {
    line.done();
    console.error(`✖ ${said(error)}`);
    process.exitCode = 1;
  }
}

/** An error, and what it came from. */
const said = (error: unknown): string =>
  error instanceof Error
    ? [error.message, ...(error.cause === undefined ? [] : [said(error.cause)])].join('\n')
    : String(error);

/** Whole numbers, separated by commas. */
const integers = (min: number, max: number) => (text: string) =>
  text
    .split(',')
    .filter((part) => part !== '')
    .map(integer(min, max));

/** As in 2+1+1: gateways, routing and ack. */
const sizes = (text: string): Size[] =>
  text.split(',').map((size) => {
    const [gateways, routing, ack, ...rest] = size.split('+').map(integer(1, 20));
    if (gateways === undefined || routing === undefined || ack === undefined || rest.length > 0)
      throw new InvalidArgumentError('It must be as in 2+1+1: gateways, routing and ack.');
    return { gateways, routing, ack };
  });

/** One to four gateways, with as many routing instances. */
const SIZES = '1+1+1,2+2+1,3+3+1,4+4+1';

/** NAME=value, any number of times. */
function setting(text: string, earlier: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  const [, name, value] = /^([A-Z_]+)=(.*)$/.exec(text) ?? [];
  if (name === undefined) throw new InvalidArgumentError('It must be NAME=value.');
  return { ...earlier, [name]: value };
}

const number = (flags: string, what: string, min: number, max: number, fallback: number) =>
  new Option(flags, what).argParser(integer(min, max)).default(fallback);

await new Command('npm run bench --')
  .description(
    'Measures throughput, latency, CPU time and memory, on a broker and a database of its own, and what the machine could do at most.',
  )
  .addArgument(new Argument('[scenarios...]', 'which ones').choices(SCENARIOS).default(SCENARIOS, 'all'))
  .addOption(number('--pairs <n>', 'pairs of users', 1, 10_000, 100))
  .addOption(
    new Option('--outstanding <n,…>', 'closed loop: messages that each pair has under way')
      .argParser(integers(1, 10_000))
      .default([1, 10, 40], '1,10,40'),
  )
  .addOption(
    new Option('--rates <n,…>', 'open loop: messages a second, of all pairs together')
      .argParser(integers(1, 1_000_000))
      .default([500, 1_000, 2_000], '500,1000,2000'),
  )
  .addOption(number('--body-bytes <n>', 'length of a message', 0, 32_768, 100))
  .addOption(number('--seconds <n>', 'of each measurement', 1, 86_400, 10))
  .addOption(number('--warmup <n>', 'seconds before it', 0, 3_600, 3))
  .addOption(number('--gateways <n>', 'processes', 1, 20, 2))
  .addOption(number('--routing <n>', 'processes', 1, 20, 1))
  .addOption(number('--ack <n>', 'processes', 1, 20, 1))
  .addOption(number('--generators <n>', 'processes that the users live in', 1, 20, 1))
  .addOption(number('--connections <n>', 'that idle, and that storm', 1, 100_000, 5_000))
  .addOption(
    new Option('--rests <n,…>', 'idle: seconds after which memory is read')
      .argParser((text: string) => integers(0, 3_600)(text).sort((a, b) => a - b))
      .default([10, 180], '10,180'),
  )
  .addOption(number('--stored <n>', 'offline storm: messages', 1, 500_000, 100_000))
  .addOption(number('--rate <n>', 'soak, slow users: messages a second', 1, 1_000_000, 1_000))
  .addOption(number('--soak-seconds <n>', 'soak: how long', 1, 86_400, 60))
  .addOption(number('--soak-every <n>', 'soak: seconds between two looks', 1, 3_600, 10))
  .addOption(
    new Option('--sizes <g+r+a,…>', 'scale-out: gateways, routing and ack')
      .argParser(sizes)
      .default(sizes(SIZES), SIZES),
  )
  .addOption(new Option('--env <NAME=value>', 'a setting of the services; repeatable').argParser(setting))
  .addOption(
    new Option('--batches <n,…>', "the broker's limit: messages in one AMQP message")
      .argParser(integers(1, 1_000))
      .default([1, 32], '1,32'),
  )
  .option('--no-limits', 'do not measure what the machine can do at most')
  .option('--profile', 'CPU profiles of the services, in the same folder', false)
  .option('--out <folder>', 'for results', '.sixfold-bench')
  .action(bench)
  .parseAsync();
