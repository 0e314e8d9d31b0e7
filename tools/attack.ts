import { Command, Option } from 'commander';
import { writeFileSync } from 'node:fs';
import { ATTACKS, type AttackName, type AttackOptions } from './load/attack/options.ts';
import { dataOf, tablesOf } from './load/attack/report.ts';
import { runAttacks } from './load/attack/run.ts';
import { progressLine } from './progress.ts';
import { integer } from './integer.ts';

interface CommandLine extends Omit<AttackOptions, 'attacks'> {
  only: AttackName[] | undefined;
  json: string | undefined;
}

async function attack({ only, json, ...options }: CommandLine): Promise<void> {
  const line = progressLine();
  const results = await runAttacks({ ...options, attacks: only ?? ATTACKS }, line.say).finally(line.done);
  console.log(tablesOf(results));
  if (json === undefined) return;
  writeFileSync(json, `${JSON.stringify(dataOf(results), undefined, 2)}\n`);
  console.log(`\nAs JSON: ${json}`);
}

await new Command('npm run attack --')
  .description(
    'Attacks a gateway with clients that idle, do not read, flood and storm, and tells its memory and what honest users feel.',
  )
  .addOption(new Option('--only <names...>', 'which attacks').choices(ATTACKS))
  .addOption(
    new Option('--connections <n>', 'that idle, and that storm').argParser(integer(1, 50_000)).default(5_000),
  )
  .addOption(new Option('--rounds <n>', 'storms').argParser(integer(1, 1_000)).default(3))
  .addOption(
    new Option('--raiders <n>', 'that flood, and that do not read').argParser(integer(1, 10_000)).default(40),
  )
  .addOption(new Option('--pairs <n>', 'of honest users').argParser(integer(1, 1_000)).default(10))
  .addOption(
    new Option('--seconds <n>', 'of each attack, and of the calm').argParser(integer(1, 3_600)).default(20),
  )
  .option('--json <file>', 'writes the figures there, too')
  .action(attack)
  .parseAsync();
