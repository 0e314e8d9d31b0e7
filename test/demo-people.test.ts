import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Modifier } from '../tools/browsers/driver/driver.ts';
import { BROWSER_NAMES } from '../tools/browsers/browser.ts';
import { type DemoVisit, visitDemo } from './harness/demo-visit.ts';

/** The demo page with the keyboard only, with a slow network, and with two devices of one user. */

describe.each(BROWSER_NAMES)('%s', (name) => {
  let visit: DemoVisit;

  beforeAll(async () => {
    visit = await visitDemo(name);
  });

  afterAll(() => visit.end());

  const focused = () => visit.page.evaluate(`document.activeElement?.ariaLabel ?? ''`);

  /** Presses Tab until something with this label has the focus. */
  async function tabTo(label: string, modifier?: Modifier): Promise<void> {
    const seen: unknown[] = [];
    for (let presses = 0; presses < 60; presses++) {
      await visit.page.tab.press('Tab', modifier);
      const now = await focused();
      if (now === label) return;
      seen.push(now);
    }
    throw new Error(`Tab never came to “${label}”, but to: ${seen.join(', ')}`);
  }

  async function press(...keys: string[]): Promise<void> {
    for (const key of keys) await visit.page.tab.press(key);
  }

  test('the keyboard is enough: write, send, follow a message, switch a fault, go to another person', async () => {
    const { page } = visit;
    await tabTo('Message of alice');
    await press('h', 'i', 'Enter');
    await page.untilState('p1', 'hi', 'delivered');
    await page.tab.press('2', 'Alt');
    await page.until(`document.activeElement.ariaLabel === 'Message of bob'`, 'the focus');
    await page.untilState('p1', 'hi', 'read');
    await press('y', 'o', 'Enter');
    await page.untilState('p2', 'yo', 'delivered');

    await tabTo('Messages of bob', 'Shift');
    await press('ArrowUp', 'Enter');
    await page.until(`document.querySelector('.wire h2').textContent === 'One message'`, 'one message');
    await press('Escape');
    await page.until(`document.querySelector('.wire h2').textContent === 'On the wire'`, 'all messages');

    await tabTo('Message of bob');
    const isOffline = `document.activeElement.textContent.trim() === 'Offline'`;
    for (let presses = 0; presses < 5 && (await page.evaluate(isOffline)) !== true; presses++)
      await press('Tab');
    await press('Enter');
    await page.until(`document.activeElement.ariaPressed === 'true'`, 'bob to be offline');
    await press('Enter');
    await page.untilOnline();
  });

  test('a slow network: the message arrives once, late', async () => {
    const { page } = visit;
    await page.delay('p1', 1_000);
    await page.send('p1', 'slowly');
    await page.untilState('p1', 'slowly', 'delivered');
    await page.delay('p1', 0);
    expect(await page.copies('p2', 'slowly')).toBe(1);
  });

  test('an app that is restarted with a message on its way: it arrives once', async () => {
    const { page } = visit;
    await page.fault('p2', 'ack:R');
    await page.send('p1', 'before the restart');
    await page.copies('p2', 'before the restart');
    await page.click('Restart the app of bob');
    await page.untilState('p1', 'before the restart', 'delivered');
    expect(await page.copies('p2', 'before the restart')).toBe(1);
  });

  test('a page that is loaded again right after Send: the message arrives once', async () => {
    const { page } = visit;
    await page.write('p1', 'and gone');
    const button = `document.querySelector('#write-p1').form.querySelector('.send')`;
    await page.until(`!${button}.disabled`, 'the button to send');
    await page.evaluate(`(() => {
      window.isOld = true;
      setTimeout(() => { ${button}.click(); location.reload(); });
    })()`);
    await page.until(
      `window.isOld === undefined && document.querySelector('#write-p1') !== null`,
      'the new page',
    );
    await page.untilOnline();
    await page.untilState('p1', 'and gone', 'delivered');
    expect(await page.copies('p2', 'and gone')).toBe(1);
  });

  test('a second device of bob gets each message, and what bob writes with the first one', async () => {
    const { page } = visit;
    await page.click('Second device for bob');
    await page.untilOnline(3);
    await page.send('p1', 'to both');
    await page.untilState('p1', 'to both', 'delivered');
    for (const device of ['p2', 'p3']) expect(await page.copies(device, 'to both')).toBe(1);
    await page.send('p2', 'from the first');
    await page.untilState('p2', 'from the first', 'delivered');
    await page.untilState('p3', 'from the first', 'delivered');
    expect(await page.copies('p1', 'from the first')).toBe(1);
    await page.click('Remove bob', '.card[data-hue=p3]');
    await page.untilOnline(2);
  });
});
