import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, inject } from 'vitest';
import { Browser, type BrowserName } from '../../tools/browsers/browser.ts';
import { buildPage } from '../../tools/stack/page.ts';
import { DemoTab } from '../../tools/browsers/demo-tab.ts';
import { watchLog } from './logs.ts';
import { type Stack, startStack } from './stack.ts';

/** A browser that shows the demo page of a stack. */
export interface DemoVisit {
  browser: Browser;
  stack: Stack;
  page: DemoTab;
  end: () => Promise<void>;
}

/** Starts a stack and a browser, and opens the page; returns when alice and bob are online. */
export async function visitDemo(name: BrowserName): Promise<DemoVisit> {
  expect(await buildPage()).toBeUndefined();
  const folder = await mkdtemp(join(inject('infrastructure').dataDir, 'demo-'));
  // A message that is not answered goes to the mailbox soon.
  const stack = await startStack({ gateways: 1, env: { DEMO: '1', ACK_TIMEOUT_MS: '1500' } });
  const browser = await Browser.start(name, folder, ({ logFile }) => watchLog(name, logFile));
  const page = new DemoTab(await browser.open(`${stack.gateways[0]?.http ?? ''}/`));
  await page.tab.resize(1_280, 900);
  await page.untilOnline();
  const end = async () => {
    await browser.kill();
    await stack.stop();
  };
  return { browser, stack, page, end };
}
