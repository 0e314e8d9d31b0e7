import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Argument, Command, InvalidArgumentError, Option } from 'commander';
import { type BenchOptions, type ScenarioName, SCENARIOS } from './bench/options.ts';
import { latencyChart } from './bench/report/charts.ts';
import { markdownOf } from './bench/report/markdown.ts';
import { type BenchResult, runBench } from './bench/run.ts';
import { progressLine } from './progress.ts';
import { whole } from './whole.ts';

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
  const run = runBench({ ...options, scenarios, profiles, ...(env && { env }) }, line);
  const result = await run.finally(line.done);
  console.log(markdownOf(result));
  console.log(`Also in ${write(folder, result).join(', ')}`);
}

/** @returns the files */
function write(folder: string, result: BenchResult): string[] {
  const files: Record<string, string> = {
    'results.md': markdownOf(result),
    'results.json': `${JSON.stringify(result, undefined, 2)}\n`,
  };
  if (result.closedLoop.length > 0) files['closed-loop.svg'] = latencyChart('Closed loop', result.closedLoop);
  if (result.openLoop.length > 0) files['open-loop.svg'] = latencyChart('Open loop', result.openLoop);
  mkdirSync(folder, { recursive: true });
  return Object.entries(files).map(([name, content]) => {
    const path = join(folder, name);
    writeFileSync(path, content);
    return path;
  });
}

/** Whole numbers, separated by commas. */
const wholes = (min: number, max: number) => (text: string) =>
  text
    .split(',')
    .filter((part) => part !== '')
    .map(whole(min, max));

/** NAME=value, any number of times. */
function setting(text: string, earlier: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  const [, name, value] = /^([A-Z_]+)=(.*)$/.exec(text) ?? [];
  if (name === undefined) throw new InvalidArgumentError('It must be NAME=value.');
  return { ...earlier, [name]: value };
}

const number = (flags: string, what: string, min: number, max: number, fallback: number) =>
  new Option(flags, what).argParser(whole(min, max)).default(fallback);

await new Command('npm run bench --')
  .description(
    'Measures throughput, latency, CPU time and memory, on a broker and a database of its own, and what the machine could do at most.',
  )
  .addArgument(new Argument('[scenarios...]', 'which ones').choices(SCENARIOS).default(SCENARIOS, 'all'))
  .addOption(number('--pairs <n>', 'pairs of users', 1, 10_000, 100))
  .addOption(
    new Option('--outstanding <n,…>', 'closed loop: messages that each pair has under way')
      .argParser(wholes(1, 10_000))
      .default([10], '10'),
  )
  .addOption(
    new Option('--rates <n,…>', 'open loop: messages a second, of all pairs together')
      .argParser(wholes(1, 1_000_000))
      .default([500, 1_000], '500,1000'),
  )
  .addOption(number('--body-bytes <n>', 'length of a message', 0, 32_768, 100))
  .addOption(number('--seconds <n>', 'of each measurement', 1, 86_400, 10))
  .addOption(number('--warmup <n>', 'seconds before it', 0, 3_600, 3))
  .addOption(number('--gateways <n>', 'processes', 1, 20, 2))
  .addOption(number('--routing <n>', 'processes', 1, 20, 1))
  .addOption(number('--ack <n>', 'processes', 1, 20, 1))
  .addOption(number('--generators <n>', 'processes that the users live in', 1, 20, 1))
  .addOption(new Option('--env <NAME=value>', 'a setting of the services; repeatable').argParser(setting))
  .option('--no-limits', 'do not measure what the machine can do at most')
  .option('--profile', 'CPU profiles of the services, in the same folder', false)
  .option('--out <folder>', 'for results', '.sixfold-bench')
  .action(bench)
  .parseAsync();
