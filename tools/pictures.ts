import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Browser } from './browsers/browser.ts';
import { NAMES, pathOf, recordOf } from './pictures/catalogue.ts';
import { pictureOfConsole } from './pictures/console.ts';
import { picturesOfPage } from './pictures/page.ts';
import { filmOfChat } from './pictures/terminal/film.ts';
import { REPOSITORY } from './stack/environment.ts';
import { freePort } from './stack/ports.ts';

/** Makes the pictures of the documentation: of a local stack of its own, in Chromium and in a terminal. */

const local = (...args: string[]) =>
  promisify(execFile)(process.execPath, [join(REPOSITORY, 'tools/local.ts'), ...args]);

const dataDir = await mkdtemp(join(tmpdir(), 'sixfold-pictures-'));
try {
  const port = await freePort();
  await local('start', '--detach', '--data', dataDir, '--port', String(port));
  {
    await using browser = await Browser.start('chromium', dataDir);
    const { light, dark } = await picturesOfPage(browser, `http://127.0.0.1:${port}/`);
    await writeFile(pathOf('page-light.webp'), light);
    await writeFile(pathOf('page-dark.webp'), dark);
    await writeFile(pathOf('console.webp'), await pictureOfConsole(browser, dataDir));
  } // its people are logged out for the film
  await writeFile(pathOf('terminal.svg'), await filmOfChat(dataDir));
  const { path, text } = recordOf(NAMES);
  await writeFile(path, text);
} finally {
  await local('stop', '--data', dataDir);
  await rm(dataDir, { recursive: true, force: true });
}
