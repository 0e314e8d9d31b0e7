import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, onTestFinished, test } from 'vitest';
import { Browser, BROWSER_NAMES } from '../tools/browsers/browser.ts';
import type { Tab } from '../tools/browsers/driver/driver.ts';
import { buildPage } from '../tools/stack/page.ts';
import { watchLog } from './harness/logs.ts';
import { type Stack, startStack } from './harness/stack.ts';
import { until } from './harness/wait.ts';

/** The demo page in real browsers: what its visitors do, and what they see. */

/** Everything arrives in the end; a busy machine may take its time. */
const PATIENCE_MS = 120_000;

const DESKTOP = [1280, 900] as const;

/** A message in the list of a person, as it is shown. */
interface Shown {
  text: string;
  /** Of each receiver. */
  states: string[];
}

const sendButton = (who: string) => `document.querySelector('#write-${who}').form.querySelector('.send')`;

/** The page in a tab, by what is on the screen. */
class Page {
  readonly #tab: Tab;

  constructor(tab: Tab) {
    this.#tab = tab;
  }

  evaluate(expression: string): Promise<unknown> {
    return this.#tab.evaluate(expression);
  }

  reload(): Promise<void> {
    return this.#tab.reload();
  }

  resize(width: number, height: number): Promise<void> {
    return this.#tab.resize(width, height);
  }

  async untilOnline(): Promise<void> {
    const links = `[...document.querySelectorAll('.link')].map(({ dataset }) => dataset.state)`;
    await this.#until(
      `${links}.length > 1 && ${links}.every((state) => state === 'online')`,
      'all to be online',
    );
  }

  /** Writes a text into the field of a person, and waits until it can be sent. */
  async write(who: string, text: string): Promise<void> {
    await this.evaluate(`(() => {
      const field = document.querySelector('#write-${who}');
      field.focus();
      field.value = ${JSON.stringify(text)};
      field.dispatchEvent(new InputEvent('input', { bubbles: true }));
    })()`);
    await this.#until(`!${sendButton(who)}.disabled`, 'the button to send');
  }

  async send(who: string, text: string): Promise<void> {
    await this.write(who, text);
    await this.evaluate(`${sendButton(who)}.click()`);
  }

  /** Writes a name into the field for another receiver of the first person, and Enter. */
  async addReceiver(name: string): Promise<void> {
    await this.evaluate(`(() => {
      const field = document.querySelector('.add');
      field.value = ${JSON.stringify(name)};
      field.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', bubbles: true }));
    })()`);
  }

  /** Presses a switch of a person's faults. */
  async fault(who: string, label: string): Promise<void> {
    const find = `[...document.querySelectorAll('[data-hue=${who}] button.fault')].find((button) => button.textContent.trim() === '${label}')`;
    await this.evaluate(`${find}.click()`);
  }

  async messages(who: string): Promise<Shown[]> {
    return (await this
      .evaluate(`[...document.querySelectorAll('.card[data-hue=${who}] .message')].map((message) => ({
      text: message.querySelector('.text').textContent,
      states: [...message.querySelectorAll('.state')].map(({ dataset }) => dataset.state),
    }))`)) as Shown[];
  }

  /** Waits until the sender of this message sees these states, one for each receiver. */
  async untilState(who: string, text: string, ...states: string[]): Promise<void> {
    const wanted = states.join();
    const reached = async () => {
      const message = (await this.messages(who)).find((one) => one.text === text);
      const shown = message ? message.states.join() : 'not there';
      if (shown !== wanted) throw new Error(`it is ${shown}`);
      return true;
    };
    await until(reached, { what: `“${text}” of ${who} to be ${wanted}`, timeoutMs: PATIENCE_MS });
  }

  /** How often a person sees a text, once it is there. */
  async copies(who: string, text: string): Promise<number> {
    const count = async () => (await this.messages(who)).filter((message) => message.text === text).length;
    return until(count, { what: `“${text}” at ${who}`, timeoutMs: PATIENCE_MS });
  }

  /** Touches the column of a person, who has seen what is there then. */
  async touch(who: string): Promise<void> {
    const event = `new PointerEvent('pointerdown', { bubbles: true })`;
    await this.evaluate(`document.querySelector('.card[data-hue=${who}]').dispatchEvent(${event})`);
  }

  async #until(expression: string, what: string): Promise<void> {
    const holds = async () => (await this.evaluate(expression)) === true;
    await until(holds, { what, timeoutMs: PATIENCE_MS });
  }
}

describe.each(BROWSER_NAMES)('%s', (name) => {
  let browser: Browser;
  let stack: Stack;
  let page: Page;

  beforeAll(async () => {
    expect(await buildPage()).toBeUndefined();
    const folder = await mkdtemp(join(inject('infrastructure').dataDir, 'demo-'));
    // A message that is not answered goes to the mailbox soon.
    stack = await startStack({ gateways: 1, env: { DEMO: '1', ACK_TIMEOUT_MS: '1500' } });
    browser = await Browser.start(name, folder, ({ logFile }) => watchLog(name, logFile));
    page = await open();
    await page.untilOnline();
  });

  afterAll(async () => {
    await browser.kill();
    await stack.stop();
  });

  async function open(): Promise<Page> {
    const tab = await browser.open(`${stack.gateways[0]?.http ?? ''}/`);
    // Room for all people. A browser without a window may open a page as narrow as a phone, where a hidden person gets no
    // focus, and the shown one keeps it and reads what comes.
    await tab.resize(...DESKTOP);
    return new Page(tab);
  }

  test('alice and bob chat: each message shows once, and its sender sees how far it is', async () => {
    await page.send('p1', 'hello bob');
    await page.untilState('p1', 'hello bob', 'delivered');
    await page.touch('p2');
    await page.untilState('p1', 'hello bob', 'read');
    await page.send('p2', 'hello alice');
    await page.untilState('p2', 'hello alice', 'delivered');
    expect(await page.messages('p2')).toMatchObject([{ text: 'hello bob' }, { text: 'hello alice' }]);
  });

  test('lost packets end in one copy and the right state', async () => {
    await page.fault('p2', 'ack:R');
    await page.send('p1', 'my confirmation is lost');
    await page.untilState('p1', 'my confirmation is lost', 'delivered');
    await page.fault('p1', 'ack:N');
    await page.send('p1', 'my receipt is lost');
    await page.untilState('p1', 'my receipt is lost', 'delivered');
    await page.fault('p2', 'msg:N');
    await page.send('p1', 'I am lost');
    await page.untilState('p1', 'I am lost', 'delivered');
    for (const text of ['my confirmation is lost', 'my receipt is lost', 'I am lost'])
      expect([text, await page.copies('p2', text)]).toEqual([text, 1]);
    const pressed = await page.evaluate(`document.querySelectorAll('.drop [aria-pressed=true]').length`);
    expect(pressed).toBe(0);
  });

  test('without a network messages are queued, over a reload, too; for whom is away they are stored', async () => {
    await page.fault('p2', 'Offline');
    await page.send('p1', 'where are you?');
    await page.untilState('p1', 'where are you?', 'stored');
    await page.send('p2', 'in a tunnel');
    await page.untilState('p2', 'in a tunnel', 'queued');
    await page.reload();
    await page.untilOnline(); // faults end with the page
    await page.untilState('p1', 'where are you?', 'delivered');
    await page.untilState('p2', 'in a tunnel', 'delivered');
    expect(await page.copies('p2', 'where are you?')).toBe(1);
    expect(await page.copies('p1', 'in a tunnel')).toBe(1);
    expect(await page.copies('p2', 'hello bob')).toBe(1);
  });

  test('a second tab has people of its own, who reach those of the first', async () => {
    const other = await open();
    onTestFinished(() =>
      other.evaluate('window.close()').then(
        () => undefined,
        () => undefined,
      ),
    );
    await other.untilOnline();
    const names = await other.evaluate(`[...document.querySelectorAll('.name')].map(({ value }) => value)`);
    expect(names).toEqual(['carol', 'dave']);
    await other.addReceiver('alice');
    await other.send('p1', 'hello, both');
    await other.untilState('p1', 'hello, both', 'delivered', 'delivered');
    expect(await page.copies('p1', 'hello, both')).toBe(1);
  });

  test('what a person chooses counts at once, before the page shows it', async () => {
    await page.write('p1', 'just chosen');
    // In one task, in which the page draws nothing. Nobody is zoe.
    await page.evaluate(`(() => {
      const card = document.querySelector('.card[data-hue=p1]');
      const press = (label) =>
        [...card.querySelectorAll('button')].find(({ textContent }) => textContent.trim() === label).click();
      press('bob');
      for (const name of ['zoe', 'bob']) {
        card.querySelector('.add').value = name;
        card.querySelector('.add').dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', bubbles: true }));
      }
      card.querySelector('.send').click();
      press('ack:R');
      press('msg:N');
    })()`);
    await page.untilState('p1', 'just chosen', 'stored', 'delivered');
    const pressed = `[...document.querySelectorAll('[data-hue=p1] .drop [aria-pressed=true]')].length`;
    expect(await page.evaluate(pressed)).toBe(2);
  });

  test('on a phone it has its whole width, and nothing beyond: people and packets', async () => {
    await page.resize(390, 844);
    onTestFinished(() => page.resize(...DESKTOP));
    const beyond = () => page.evaluate('document.documentElement.scrollWidth - innerWidth');
    const rows = () => page.evaluate(`document.querySelector('.sequence')?.checkVisibility() === true`);
    expect([await page.evaluate('innerWidth'), await beyond(), await rows()]).toEqual([390, 0, false]);
    await page.evaluate(`[...document.querySelectorAll('.switch')].at(-1).click()`);
    await until(async () => (await rows()) === true, { what: 'the diagram', timeoutMs: PATIENCE_MS });
    expect(await beyond()).toBe(0);
  });
});
