import { join, resolve } from 'node:path';
import { Argument, Command, InvalidArgumentError, Option } from 'commander';
import {
  ATTACKS,
  BENCHMARKS,
  COMPARISONS,
  type LoadOptions,
  OPTIONS,
  type ScenarioName,
} from './load/options.ts';
import { markdownOf, writeResults } from './load/report/write.ts';
import { type LoadResult, runLoad } from './load/run.ts';
import { progressLine } from './progress.ts';

interface CommandLine extends Omit<LoadOptions, 'scenarios' | 'profiles' | 'env'> {
  out: string;
  profile: boolean;
  env: NodeJS.ProcessEnv | undefined;
}

const GROUPS = { benchmarks: BENCHMARKS, attacks: ATTACKS };
type Choice = ScenarioName | keyof typeof GROUPS;

async function load(choices: Choice[], { out, profile, env, ...options }: CommandLine): Promise<void> {
  const folder = resolve(out);
  const scenarios = choices.flatMap((name) =>
    name in GROUPS ? GROUPS[name as keyof typeof GROUPS] : name,
  ) as ScenarioName[];
  const profiles = profile ? join(folder, 'profiles') : undefined;
  const line = progressLine();
  // The children end when this process exits, but not when a signal kills it.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
  try {
    let files: string[] = [];
    const keep = (soFar: LoadResult) => void (files = writeResults(folder, soFar));
    const result = await runLoad({ ...options, scenarios, profiles, ...(env && { env }) }, line, keep);
    line.done();
    console.log(markdownOf(result));
    console.log(`Also in ${files.join(', ')}`);
  } catch (error) {
    line.done();
    console.error(`✖ ${withCauses(error)}`);
    process.exitCode = 1;
  }
}

const withCauses = (error: unknown): string =>
  error instanceof Error
    ? [error.message, ...(error.cause === undefined ? [] : [withCauses(error.cause)])].join('\n')
    : String(error);

/** NAME=value, repeatable. */
function setting(text: string, earlier: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  const [, name, value] = /^([A-Z_]+)=(.*)$/.exec(text) ?? [];
  if (name === undefined) throw new InvalidArgumentError('It must be NAME=value.');
  return { ...earlier, [name]: value };
}

const command = new Command('npm run load --')
  .description(
    'Measures throughput, latency, CPU time and memory, what the machine could do at most, and what honest users feel of attacks, on a broker and a database of its own.',
  )
  .addArgument(
    new Argument('[scenarios...]', 'which ones')
      .choices([...BENCHMARKS, ...ATTACKS, ...COMPARISONS, ...Object.keys(GROUPS)])
      .default([...BENCHMARKS, ...ATTACKS], 'all but compare and http'),
  );
for (const [name, { argument, what, fallback, parse }] of Object.entries(OPTIONS)) {
  const flag = name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  const option = new Option(`--${flag} <${argument}>`, what).default(parse(fallback), fallback);
  command.addOption(option.argParser<unknown>(parse));
}
await command
  .addOption(new Option('--env <NAME=value>', 'a setting of the services; repeatable').argParser(setting))
  .option('--against <commit>', 'compare: another commit of this repository')
  .option('--no-limits', 'do not measure what the machine can do at most')
  .option('--profile', 'CPU profiles of the services, in the same folder', false)
  .option('--out <folder>', 'for results', '.sixfold-load')
  .action(load)
  .parseAsync();
