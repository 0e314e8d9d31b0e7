import type { Browser } from '../browsers/browser.ts';
import { DemoTab } from '../browsers/demo-tab.ts';
import { HEIGHT, picture, WIDTH } from './screenshot.ts';

/** The demo page with a conversation and a highlighted message, light and dark. */
export async function picturesOfPage(
  browser: Browser,
  url: string,
): Promise<Record<'light' | 'dark', Buffer>> {
  const tab = await browser.open(url);
  await tab.resize(WIDTH, HEIGHT);
  const page = new DemoTab(tab);
  await page.untilOnline();
  await converse(page);
  return { light: await picture(page, 'light'), dark: await picture(page, 'dark') };
}

async function converse(page: DemoTab): Promise<void> {
  await page.send('p1', 'Lunch at one?');
  await page.untilState('p1', 'Lunch at one?', 'delivered');
  await page.send('p2', 'Yes! The usual place?');
  await page.untilState('p2', 'Yes! The usual place?', 'delivered');
  await page.fault('p2', 'ack:R'); // bob's confirmation is lost, and bob gets the message twice
  await page.send('p1', 'The usual place.');
  await page.untilState('p1', 'The usual place.', 'delivered');
  await page.fault('p2', 'Offline');
  await page.send('p1', 'I have a table by the window');
  await page.untilState('p1', 'I have a table by the window', 'stored');
  await page.fault('p2', 'Offline');
  await page.untilState('p1', 'I have a table by the window', 'delivered');
  await page.write('p2', 'On my way');
  await page.evaluate(`document.querySelector('.card[data-hue=p1] .bubble').click()`);
  await page.until(
    `[...document.querySelectorAll('.note[data-kind=note] text')].filter((each) => each.textContent.endsWith(' ms')).length > 2`,
    'the steps of the services',
  );
}
