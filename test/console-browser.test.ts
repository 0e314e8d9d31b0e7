import { mkdtemp, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { DEAD_QUEUE, partitionOf, routeQueue } from '#libs/broker/topology.ts';
import { Browser, BROWSER_NAMES } from '../tools/browsers/browser.ts';
import type { Tab } from '../tools/browsers/driver/driver.ts';
import { buildPage } from '../tools/stack/page.ts';
import { watchLog } from './harness/logs.ts';
import { publishTo, withChannel } from './harness/queues.ts';
import { connectAs, type RawClient } from './harness/raw-client.ts';
import { type Stack, startStack } from './harness/stack.ts';
import { until } from './harness/wait.ts';

/** The console in real browsers: what operators do, and what they see. Its API: console.test.ts. */

const PATIENCE_MS = 120_000;
const TOKEN = 'the-token-of-this-console-long-enough';
const AXE = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

const text = (value: string) => JSON.stringify(value);

/** The console in a tab, by what is on the screen. */
class ConsoleTab {
  readonly tab: Tab;

  constructor(tab: Tab) {
    this.tab = tab;
  }

  evaluate(expression: string): Promise<unknown> {
    return this.tab.evaluate(expression);
  }

  until(expression: string, what: string): Promise<unknown> {
    return until(async () => (await this.evaluate(expression)) === true, { what, timeoutMs: PATIENCE_MS });
  }

  /** Waits until the view shows a text. */
  sees(words: string): Promise<unknown> {
    return this.until(`document.querySelector('#app').innerText.includes(${text(words)})`, `“${words}”`);
  }

  async fill(name: string, value: string): Promise<void> {
    const field = `document.querySelector('input[name=${name}]')`;
    await this.until(`${field} !== null`, `the field ${name}`);
    await this.evaluate(`(() => {
      ${field}.value = ${text(value)};
      ${field}.dispatchEvent(new InputEvent('input', { bubbles: true }));
    })()`);
  }

  /** Presses a button, by its text, once it can be pressed. */
  async click(label: string, scope = '#app'): Promise<void> {
    const button = `[...document.querySelectorAll('${scope} button')].find((one) =>
      !one.disabled && one.checkVisibility() && one.textContent.trim() === ${text(label)})`;
    await this.until(`${button} !== undefined`, `the button “${label}”`);
    await this.evaluate(`${button}.click()`);
  }

  /** Goes to a view by its link. */
  async go(label: string): Promise<void> {
    const link = `[...document.querySelectorAll('.nav a')].find((one) => one.textContent.trim() === ${text(label)})`;
    await this.evaluate(`${link}.click()`);
    await this.until(`document.querySelector('h1').textContent === ${text(label)}`, `the view ${label}`);
  }
}

describe.each(BROWSER_NAMES)('%s', (name) => {
  let browser: Browser;
  let stack: Stack;
  let alice: RawClient;
  let page: ConsoleTab;
  let address: string;

  beforeAll(async () => {
    expect(await buildPage('console')).toBeUndefined();
    const folder = await mkdtemp(join(inject('infrastructure').dataDir, 'console-'));
    stack = await startStack({ gateways: 1 });
    address = (await stack.addConsole({ CONSOLE_TOKEN: TOKEN })).http;
    browser = await Browser.start(name, folder, ({ logFile }) => watchLog(name, logFile));
    alice = await connectAs(stack, stack.gateways[0], 'alice');
    alice.msg('carol', 'c1');
    await alice.next('ack:N', { id: 'c1', state: 'stored' });
    page = new ConsoleTab(await browser.open(`${address}/`));
    await page.tab.resize(1_280, 900);
  });

  afterAll(async () => {
    await browser.kill();
    await stack.stop();
  });

  test('a wrong token is refused, the right one shows the overview, and a reload keeps it', async () => {
    await page.fill('token', 'not the token');
    await page.click('Log in');
    await page.sees('The token is not right.');
    await page.fill('token', TOKEN);
    await page.fill('operator', 'oscar');
    await page.click('Log in');
    await page.sees('All ready');
    await page.until(`document.querySelectorAll('.table tbody tr').length === 3`, 'all processes');
    await page.until(
      `[...document.querySelectorAll('.sparkline polyline')].length === 8`,
      'the course of all figures',
    );
    await page.tab.reload();
    await page.sees('gateway-1');
    expect(await page.evaluate('document.cookie')).toBe('');
  });

  test('the address that npm run console prints logs in, and loses the token', async () => {
    const other = new ConsoleTab(await browser.open(`${address}/#token=${TOKEN}&as=oscar`));
    await other.sees('All ready');
    expect(await other.evaluate('location.href')).toBe(`${address}/#/overview`);
    await other.tab.close();
  });

  test('a user is looked up, and disconnected once the name is typed', async () => {
    await using bob = await connectAs(stack, stack.gateways[0], 'bob', { device: 'phone' });
    await page.go('Users');
    await page.fill('user', 'bob');
    await page.click('Look up');
    await page.sees('phone');
    await page.click('Disconnect all');
    const button = `document.querySelector('dialog[open] button[type=submit]')`;
    const type = (words: string) =>
      page.evaluate(`(() => {
        const field = document.querySelector('dialog .confirm-name');
        field.value = ${text(words)};
        field.dispatchEvent(new InputEvent('input', { bubbles: true }));
      })()`);
    await page.until(`${button}?.disabled === true`, 'the dialog');
    await type('bo');
    expect(await page.evaluate(`${button}.disabled`)).toBe(true);
    expect(bob.bye).toBeUndefined();
    await type('bob');
    await page.click('Disconnect', 'dialog');
    expect((await bob.closed).code).toBe(1012);
    await page.sees('Disconnected bob: phone.');
    await page.sees('Not connected');
    expect(await page.evaluate(`document.querySelector('dialog')`)).toBe(null);
  });

  test('a message is followed: where it waits', async () => {
    await page.go('Trace');
    await page.fill('from', 'alice');
    await page.fill('id', 'c1');
    await page.click('Look up');
    await page.sees('waits to be fetched');
    await page.sees('The console can read no logs here');
  });

  test('dead letters: one is put back and arrives, one is discarded after a question', async () => {
    const letter = (entry: object) => ({
      reason: 'a test put it here',
      content: JSON.stringify(entry),
      queue: routeQueue(partitionOf('gina', 8)),
      at: Date.now(),
    });
    const good = { kind: 'message', from: 'alice', id: 'd1', to: 'gina', body: '"nobody"', at: Date.now() };
    const letters = [letter(good), letter({ kind: 'nonsense', user: 'gina' })];
    await withChannel(stack, (channel) => publishTo(channel, DEAD_QUEUE, JSON.stringify(letters)));
    await page.go('Dead letters');
    await page.sees('2 in sixfold.dead');
    const choose = `document.querySelector('.table input[type=checkbox]').click()`;
    await page.evaluate(choose);
    await page.click('Requeue 1');
    await page.sees('Requeued: 1.');
    await page.sees('1 in sixfold.dead');
    const arrived = () => stack.sql(`SELECT 1 FROM offline_messages WHERE recipient = 'gina'`);
    await until(async () => (await arrived()).length === 1, { what: 'the letter', timeoutMs: PATIENCE_MS });
    await page.evaluate(choose);
    await page.click('Discard 1');
    await page.sees('Discard this letter?');
    await page.click('Cancel', 'dialog');
    await page.until(`document.querySelector('dialog') === null`, 'the dialog to go');
    await page.sees('1 in sixfold.dead');
    await page.click('Discard 1');
    await page.click('Discard', 'dialog');
    await page.sees('No dead letters');
    expect(await page.evaluate('document.body.innerText.includes("nobody")')).toBe(false);
  });

  test('an error says what to do', async () => {
    await page.evaluate(`location.hash = '#/users?user=${encodeURIComponent('no name')}'`);
    await page.sees('bad_request');
    await page.sees('Correct the field that the message names, and try again.');
  });

  test.each([
    ['light', 390],
    ['dark', 1_280],
  ] as const)(
    '%s, %i pixels wide: every view is there, within the width, and axe finds nothing',
    async (scheme, width) => {
      await page.tab.prefer(scheme);
      await page.tab.resize(width, 844);
      await page.until(`innerWidth === ${width}`, 'the size');
      await page.evaluate(`void (() => { ${AXE} })()`);
      for (const [view, words] of [
        ['Overview', 'gateway-1'],
        ['Users', 'Look up a user'],
        ['Trace', 'Follow a message'],
        ['Dead letters', 'No dead letters'],
        ['Partitions', 'sixfold.route.7'],
        ['Slow receivers', 'No slow receivers'],
      ] as const) {
        await page.go(view);
        await page.sees(words);
        const settled = `document.getAnimations().every((one) => one.playState !== 'running')`;
        await page.until(settled, 'the animations to end');
        expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth'), view).toBe(true);
        const found = await page.evaluate(
          `axe.run().then(({ violations }) => violations.flatMap(({ id, nodes }) =>
          nodes.map(({ html, failureSummary }) => [id, html, failureSummary])))`,
        );
        expect(found, view).toEqual([]);
      }
    },
  );

  test('logged out, the tab has no token', async () => {
    await page.click('Log out');
    await page.sees('Token');
    expect(await page.evaluate('JSON.stringify(sessionStorage)')).not.toContain(TOKEN);
  });
});
