import { noTime, target, type Targets } from './fault.ts';

/** A user reloads the page. */
export const reloadTabs: Targets = ({ browsers }) =>
  browsers.map((browser) =>
    target(browser.name, async () => (await browser.reload(), ['its page loaded again']), noTime),
  );

/** The process of a tab ends, and its user opens the page again. */
export const crashTabs: Targets = ({ browsers }) =>
  browsers.map((browser) =>
    target(
      browser.name,
      async () => {
        await browser.crash();
        return ['its tab crashed', () => browser.open()];
      },
      (random) => random.integer(0, 4_000),
    ),
  );
