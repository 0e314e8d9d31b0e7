import type { ClientPage } from '../browsers/client-page.ts';
import { any, type Begun, noTime, target, type Targets } from './fault.ts';

type Fault = (page: ClientPage) => Promise<Begun>;

/** Hits one of a browser's tabs; other faults spare the browser meanwhile. */
const ofTabs =
  (fault: Fault, lasts: typeof any, can: (page: ClientPage) => boolean = () => true): Targets =>
  ({ browsers }) =>
    browsers.flatMap(({ name, pages }) =>
      pages.flatMap((page, n) =>
        can(page) ? [target(`${name}, tab ${n + 1}`, () => fault(page), lasts, name)] : [],
      ),
    );

const away: typeof any = (random) => random.integer(0, 4_000);

/** A user loads the page again. */
export const reloadTabs = ofTabs(async (page) => (await page.reload(), ['its page loaded again']), noTime);

/** A user closes the tab, and opens the page again. */
export const closeTabs = ofTabs(async (page) => (await page.close(), ['closed', () => page.open()]), away);

/** The process of a tab ends, and its user opens the page again. */
export const crashTabs = ofTabs(
  async (page) => (await page.crash(), ['its tab crashed', () => page.open()]),
  away,
);

/** The browser freezes a tab in the background. */
export const freezeTabs = ofTabs(
  async (page) => (await page.freeze(true), ['frozen', () => page.freeze(false)]),
  any,
  ({ freezes }) => freezes,
);
