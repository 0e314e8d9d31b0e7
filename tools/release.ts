import { Command } from 'commander';
import { spawnSync } from 'node:child_process';
import { refusals } from './release/refusals.ts';
import { commitAndTag, gather } from './release/repository.ts';
import { REPOSITORY } from './stack/environment.ts';

/** What must pass before a version gets its tag. */
const TESTS = [['run', 'check'], ['test']];

function release(version: string, { dryRun }: { dryRun: boolean }): void {
  refuse(refusals(version, gather(REPOSITORY)));
  if (dryRun) {
    console.log(`Nothing stands against ${version}. Without --dry-run, check and tests run now.`);
    return;
  }
  for (const args of TESTS) {
    const { status } = spawnSync('npm', args, { cwd: REPOSITORY, stdio: 'inherit' });
    if (status !== 0) refuse([`npm ${args.join(' ')} failed`]);
  }
  // The tests took a while: somebody may have changed files meanwhile.
  refuse(refusals(version, gather(REPOSITORY)));
  commitAndTag(REPOSITORY, version);
  console.log(`v${version} is tagged. Publish it: git push --follow-tags`);
}

/** @throws Error if there is a reason */
function refuse(reasons: readonly string[]): void {
  if (reasons.length > 0)
    throw new Error(`Not released:\n${reasons.map((reason) => `- ${reason}`).join('\n')}`);
}

const program = new Command('release')
  .description('Test, version and tag a release. Nothing is pushed.')
  .argument('<version>', 'for example 0.2.1')
  .option('--dry-run', 'only say what stands against it', false)
  .action(release);

try {
  program.parse();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
