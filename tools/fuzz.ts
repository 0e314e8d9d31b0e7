import { join } from 'node:path';
import { Command } from 'commander';
import type { FuzzOptions } from './fuzz/options.ts';
import { runFuzz } from './fuzz/run.ts';
import { progressLine } from './progress.ts';
import { REPOSITORY } from './stack/environment.ts';
import { table } from './table.ts';
import { integer, withSeed } from './integer.ts';

async function fuzz(options: Omit<FuzzOptions, 'root'>): Promise<void> {
  const { seconds, seed, connections, forged } = options;
  console.log(`${connections} hostile connections, ${forged} forged messages/s, ${seconds} s, seed ${seed}`);
  const line = progressLine();
  const result = await runFuzz({ ...options, root: REPOSITORY }, line).finally(line.done);
  const { fault, dataDir, ...counts } = result;
  console.log(table(Object.entries(counts).map(([name, count]) => [name, String(count)])).join('\n'));
  if (fault === undefined) {
    console.log('✔ nothing found');
    return;
  }
  const recording = join(dataDir, 'recording.json');
  console.log(`✖ ${fault}\n\nLogs: ${dataDir}\nThe same again: --seed ${seed}, or --replay ${recording}`);
  process.exitCode = 1;
}

const command = new Command('npm run fuzz --').description(
  'Hostile clients and forged queue entries: valid ones, damaged at random places. Meanwhile honest users exchange messages.',
);
await withSeed(command, 'decides what is sent')
  .option('--seconds <n>', 'how long', integer(1, 86_400), 60)
  .option('--connections <n>', 'hostile ones at a time', integer(0, 1_000), 16)
  .option('--forged <n>', 'forged messages a second', integer(0, 1_000), 30)
  .option('--pairs <n>', 'pairs of honest users', integer(1, 100), 3)
  .option('--replay <file>', 'send the recording of a run that failed, and nothing else')
  .action(fuzz)
  .parseAsync();
