import { join } from 'node:path';
import { Command, Option } from 'commander';
import type { FuzzOptions } from './fuzz/options.ts';
import { runFuzz } from './fuzz/run.ts';
import { progressLine } from './progress.ts';
import { REPOSITORY } from './stack/environment.ts';
import { integer } from './integer.ts';

async function fuzz(options: Omit<FuzzOptions, 'root'>): Promise<void> {
  const { seconds, seed, connections, forged } = options;
  console.log(`${connections} hostile connections, ${forged} forged messages/s, ${seconds} s, seed ${seed}`);
  const line = progressLine();
  const result = await runFuzz({ ...options, root: REPOSITORY }, line).finally(line.done);
  const { fault, dataDir, ...counts } = result;
  for (const [name, count] of Object.entries(counts)) console.log(`  ${name.padEnd(12)} ${count}`);
  if (fault === undefined) {
    console.log('✔ nothing found');
    return;
  }
  const recording = join(dataDir, 'recording.json');
  console.log(`✖ ${fault}\n\nLogs: ${dataDir}\nThe same again: --seed ${seed}, or --replay ${recording}`);
  process.exitCode = 1;
}

await new Command('npm run fuzz --')
  .description(
    'Hostile clients and forged queue entries, from valid ones that are hurt at random places, against services that honest users are using meanwhile.',
  )
  .addOption(new Option('--seconds <n>', 'how long').argParser(integer(1, 86_400)).default(60))
  .addOption(
    new Option('--seed <n>', 'decides what is sent')
      .argParser(integer(0, 2 ** 31 - 1))
      .default(Math.floor(Math.random() * 1_000_000), 'at random'),
  )
  .addOption(
    new Option('--connections <n>', 'hostile ones at a time').argParser(integer(0, 1_000)).default(16),
  )
  .addOption(new Option('--forged <n>', 'forged messages a second').argParser(integer(0, 1_000)).default(30))
  .addOption(new Option('--pairs <n>', 'pairs of honest users').argParser(integer(1, 100)).default(3))
  .option('--replay <file>', 'send the recording of a run that failed, and nothing else')
  .action(fuzz)
  .parseAsync();
