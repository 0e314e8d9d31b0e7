import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Browser } from '../browsers/browser.ts';
import { DemoTab } from '../browsers/demo-tab.ts';
import { REPOSITORY } from '../stack/environment.ts';
import { freePort } from '../stack/ports.ts';
import { until } from '../stack/until.ts';
import { HEIGHT, picture, WIDTH } from './screenshot.ts';

const TOKEN = randomBytes(32).toString('base64url');
/** Points of a chart. */
const POINTS = 20;

/** The overview of the console, under a small load. */
export async function pictureOfConsole(browser: Browser, dataDir: string): Promise<Buffer> {
  const port = await freePort();
  const run = (tool: string, ...args: string[]) =>
    spawn(process.execPath, [join(REPOSITORY, tool), ...args, '--data', dataDir], {
      stdio: 'ignore',
      env: { ...process.env, CONSOLE_TOKEN: TOKEN, CONSOLE_PORT: String(port) },
    });
  const children = [
    run('tools/console.ts'),
    run('tools/cli/main.ts', 'load', '--pairs', '8', '--rate', '40', '--seconds', '300'),
  ];
  try {
    const answers = () => fetch(`http://127.0.0.1:${port}/`).then(({ ok }) => ok);
    await until(answers, { what: 'the console', timeoutMs: 60_000 });
    const tab = await browser.open(`http://127.0.0.1:${port}/#token=${TOKEN}&as=ada`);
    await tab.resize(WIDTH, HEIGHT);
    const page = new DemoTab(tab);
    await page.until(
      `document.querySelector('.sparkline polyline')?.points.numberOfItems >= ${POINTS}`,
      'the charts',
    );
    return await picture(page, 'light');
  } finally {
    for (const child of children) {
      const ended = once(child, 'exit');
      if (child.kill('SIGTERM')) await ended;
    }
  }
}
