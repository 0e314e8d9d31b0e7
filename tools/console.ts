import { Command } from 'commander';
import { randomBytes } from 'node:crypto';
import { userInfo } from 'node:os';
import { join, resolve } from 'node:path';
import { setting } from './stack/environment.ts';
import { explain } from './stack/failure.ts';
import { buildPage } from './stack/page.ts';
import { freePortFrom } from './stack/ports.ts';
import { backendsOf, readStackFile } from './stack/stack-file.ts';

/** Where the console is, unless CONSOLE_PORT says otherwise. */
const PORT = 8090;

/**
 * `npm run console`: the console (services/console) of the local stack, or of the addresses that are set. Ends with Ctrl-C.
 */
async function start({ data }: { data: string }): Promise<void> {
  const dataDir = resolve(data);
  const stack = readStackFile(dataDir);
  if (!stack && setting('METRICS_URLS') === undefined)
    throw new Error(
      `Nothing runs with its data in ${dataDir}: npm start. Elsewhere: set AMQP_URL, DATABASE_URL and METRICS_URLS.`,
    );
  const failure = await buildPage('console');
  if (failure !== undefined) throw new Error(`The page of the console could not be built: ${failure}`);
  const parts = (stack?.processes ?? []).flatMap(({ name, http }) =>
    http === undefined ? [] : `${name}=${http}`,
  );
  const port = setting('CONSOLE_PORT') ?? String(await freePortFrom(PORT));
  const token = setting('CONSOLE_TOKEN') ?? randomBytes(32).toString('base64url');
  fill({
    ...backendsOf(dataDir),
    METRICS_URLS: parts.join(','),
    CONSOLE_LOGS: join(dataDir, 'logs'),
    CONSOLE_PORT: port,
  });
  process.env['CONSOLE_TOKEN'] = token;
  delete process.env['CONSOLE_TOKEN_FILE'];
  await import('../services/console/main.ts');
  if (process.exitCode === undefined)
    console.log(
      `\nThe console: http://127.0.0.1:${port}/#token=${token}&as=${encodeURIComponent(userInfo().username)}\nStop it with Ctrl-C.\n`,
    );
}

/** What is set stays. */
function fill(env: NodeJS.ProcessEnv): void {
  for (const [name, value] of Object.entries(env))
    if (value !== undefined && setting(name) === undefined) process.env[name] = value;
}

try {
  await new Command('npm run console --')
    .description('The console: a page for operators of the local stack (docs/OPERATIONS.md).')
    .option('--data <dir>', 'data folder of the local stack', '.sixfold')
    .action(start)
    .parseAsync();
} catch (error) {
  console.error(explain(error));
  process.exitCode = 1;
}
