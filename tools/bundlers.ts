import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { Browser, BROWSER_NAMES } from './browsers/browser.ts';
import { type Build, buildWith, BUNDLERS, type Built } from './bundlers/build.ts';
import { makeProject } from './bundlers/project.ts';
import { BundleSite } from './bundlers/site.ts';
import { type Place, visit } from './bundlers/visit.ts';
import { explain } from './stack/failure.ts';
import { killStack } from './stack/leftovers.ts';
import { table } from './table.ts';
import { Environment } from './testkit/environment.ts';

const SECRET = 'the secret of the run of bundlers, long enough for HS256';

const BUILDS: readonly Build[] = [
  ...BUNDLERS.flatMap((bundler) =>
    (['core', 'plain', 'react'] as const).map((page) => ({ bundler, page, mode: 'production' as const })),
  ),
  { bundler: 'vite', page: 'react', mode: 'development' },
];

/** Builds the pages one after the other, and tells their sizes. */
async function buildAll(dataDir: string): Promise<Built[]> {
  const home = await makeProject(dataDir);
  const built: Built[] = [];
  for (const build of BUILDS) built.push(await buildWith(home, build));
  console.log(
    table(
      built.map(({ name, gzipBytes }) => [name, `${gzipBytes} bytes`]),
      'right',
    ).join('\n'),
  );
  return built;
}

/** Visits all pages with a browser. @returns whether all of them work */
async function visitAll(browser: Browser, pages: readonly Built[], place: Place): Promise<boolean> {
  let passed = true;
  for (const page of pages) {
    const fault = await visit(browser, page, place).then(
      () => undefined,
      (error: unknown) => explain(error),
    );
    passed = passed && fault === undefined;
    console.log(
      `${fault === undefined ? '✔' : '✖'} ${page.name} in ${browser.name} ${fault ?? ''}`.trimEnd(),
    );
  }
  return passed;
}

/** @returns whether every page works in every browser */
async function run(dataDir: string): Promise<boolean> {
  const pages = (await buildAll(dataDir)).filter(({ page }) => page !== 'core');
  await using system = await Environment.start({ dataDir, secret: SECRET });
  await system.add({ gateway: 1, routing: 1, ack: 1 });
  await using site = await BundleSite.start();
  const place = { site, secret: SECRET, url: system.of('gateway')[0]?.url ?? '' };
  let passed = true;
  for (const name of BROWSER_NAMES) {
    await using browser = await Browser.start(name, dataDir);
    passed = (await visitAll(browser, pages, place)) && passed;
  }
  return passed;
}

async function bundlers(): Promise<void> {
  const dataDir = mkdtempSync(join(tmpdir(), 'sixfold-bundlers-'));
  const cleanUp = () => killStack(dataDir);
  process.once('exit', cleanUp);
  const passed = await run(dataDir);
  if (passed) rmSync(dataDir, { recursive: true, force: true, maxRetries: 3 });
  else console.log(`Files and logs: ${dataDir}`);
  process.exitCode = passed ? 0 : 1;
}

await new Command('npm run bundlers')
  .description(
    'The client and examples/react, built with Vite, webpack and esbuild, in Chromium and Firefox. Downloads those packages.',
  )
  .action(bundlers)
  .parseAsync();
