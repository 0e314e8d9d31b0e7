import { execFile } from 'node:child_process';
import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { Browser, BROWSER_NAMES } from '../tools/browsers/browser.ts';
import { killStack } from '../tools/stack/leftovers.ts';
import { freePort } from '../tools/stack/ports.ts';
import { untilGone } from '../tools/stack/processes.ts';
import { DemoTab, PATIENCE_MS } from '../tools/browsers/demo-tab.ts';
import { temporaryFolder } from './harness/infrastructure.ts';
import { watchLog } from './harness/logs.ts';

/** The demo page kills each process of a local stack, of `npm start`: the message arrives once. */

/** The gateway dies in both browsers; what the page does is the same for the others. */
const KILLED = { chromium: ['routing-1', 'RabbitMQ'], firefox: ['ack-1', 'PostgreSQL'] };

let dataDir: string;
let url: string;

beforeAll(async () => {
  dataDir = await temporaryFolder(inject('infrastructure').dataDir);
  const port = await freePort();
  url = `http://127.0.0.1:${port}/`;
  const start = ['tools/local.ts', 'start', '--detach', '--data', dataDir, '--port', String(port)];
  await promisify(execFile)(process.execPath, start);
}, 180_000);

afterAll(() => untilGone(killStack(dataDir), 10_000));

describe.each(BROWSER_NAMES)('%s', (name) => {
  let browser: Browser;
  let page: DemoTab;

  beforeAll(async () => {
    const folder = await mkdtemp(join(inject('infrastructure').dataDir, 'demo-kill-'));
    browser = await Browser.start(name, folder, ({ logFile }) => watchLog(name, logFile));
    page = new DemoTab(await browser.open(url));
    await page.tab.resize(1_280, 900);
    await page.untilOnline();
  });

  afterAll(() => browser.kill());

  const runs = (what: string) =>
    page.until(
      `[...document.querySelectorAll('.process')].find((each) => each.ariaLabel === 'Kill ${what}')?.dataset.running === 'true'`,
      `${what} to run`,
    );

  test('a highlighted message shows what broker, routing and ack did, from their traces', async () => {
    const text = `followed in ${name}`;
    await page.send('p1', text);
    await page.untilState('p1', text, 'delivered');
    await page.evaluate(`[...document.querySelectorAll('.card[data-hue=p1] .bubble')].at(-1).click()`);
    const notes = `[...document.querySelectorAll('.note[data-kind=note] text')].map((each) => each.textContent)`;
    for (const what of [
      /gateway-1: on disk at RabbitMQ, [\d.]+ ms$/,
      /[\d.]+ ms in the queue · routing: bob is at gateway-2, [\d.]+ ms$/,
      /gateway-2: the confirmation is on disk, [\d.]+ ms$/,
      // From the gateway itself, or from ack, which was faster.
      /: (the receipt goes straight to|alice is at) gateway-1/,
    ])
      await page.until(`${notes}.some((note) => ${String(what)}.test(note))`, String(what));
    await page.tab.press('Escape');
  });

  test('the gateway dies while alice types: what she then sends arrives once', async () => {
    const text = `written while ${name} lost its gateway`;
    await page.write('p1', text.slice(0, 12));
    await page.click('Kill gateway-1');
    await page.until(
      `document.querySelector('.card[data-hue=p1] .link').dataset.state !== 'online'`,
      'alice to be offline',
    );
    await page.send('p1', text);
    await page.untilState('p1', text, 'delivered');
    expect(await page.copies('p2', text)).toBe(1);
    await runs('gateway-1');
  });

  test.each(KILLED[name])(
    '%s dies with a message on its way: it arrives once, and the sender is told',
    async (process) => {
      const text = `${process} dies in ${name}`;
      await page.click(`Kill ${process}`);
      await page.send('p1', text);
      await page.untilState('p1', text, 'delivered');
      expect(await page.copies('p2', text)).toBe(1);
      await runs(process);
      await page.untilOnline();
    },
    2 * PATIENCE_MS,
  );
});
