import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { Command, Option } from 'commander';
import { BROWSER_NAMES, type BrowserName } from './browsers/browser.ts';
import { integer } from './integer.ts';
import { REPOSITORY } from './stack/environment.ts';

interface Options {
  times: number;
  browser?: BrowserName;
  planted: boolean;
}

async function browsers({ times, browser, planted }: Options): Promise<void> {
  const only = browser === undefined ? [] : ['-t', `^${browser}`];
  const what = planted
    ? { file: 'test/browsers-planted.test.ts', size: 'planted' }
    : { file: 'test/browsers.test.ts', size: 'full' };
  for (let run = 1; run <= times; run++) {
    const began = Date.now();
    const code = await runTests(what, only);
    const seconds = Math.round((Date.now() - began) / 1000);
    console.log(`run ${run} of ${times}: ${code === 0 ? 'passed' : 'failed'} in ${seconds} s`);
    if (code === 0) continue;
    process.exitCode = 1;
    return;
  }
}

/** Runs the tests of a file at that size. @returns the exit code */
async function runTests(
  { file, size }: { file: string; size: string },
  args: string[],
): Promise<number | null> {
  const vitest = join(REPOSITORY, 'node_modules/vitest/vitest.mjs');
  const all = [vitest, 'run', '--project', 'system', file, '--testTimeout=900000', ...args];
  const env = { ...process.env, SIXFOLD_BROWSERS: size };
  const child = spawn(process.execPath, all, { cwd: REPOSITORY, stdio: 'inherit', env });
  const [code] = (await once(child, 'exit')) as [number | null];
  return code;
}

await new Command('npm run browsers --')
  .description(
    'The tests of the client in real browsers, with more of everything than npm test has time for.',
  )
  .option('--times <n>', 'how often, until it fails', integer(1, 1_000), 1)
  .addOption(new Option('--browser <name>', 'only this one').choices(BROWSER_NAMES))
  .option(
    '--planted',
    'instead: whether the scenarios fail when there is a bug in the client (about 5 minutes for each browser)',
    false,
  )
  .action(browsers)
  .parseAsync();
