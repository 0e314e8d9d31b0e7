import { until } from '../stack/until.ts';
import type { Browser } from './browser.ts';
import type { Tab } from './driver/driver.ts';
import type { PageApi } from './page/api.ts';

type Method = Exclude<keyof PageApi, 'instance'>;

/** A page of the site in a tab, in the hands of a test. */
export class PageHandle {
  readonly tab: Tab;

  private constructor(tab: Tab) {
    this.tab = tab;
  }

  /** Opens a tab, and waits until the page's program runs. */
  static async open(browser: Browser, url: string): Promise<PageHandle> {
    const page = new PageHandle(await browser.open(url));
    await page.#loaded('');
    return page;
  }

  /** Calls a function of the page, and awaits what it returns. */
  async call<M extends Method>(
    name: M,
    ...args: Parameters<PageApi[M]>
  ): Promise<Awaited<ReturnType<PageApi[M]>>> {
    // Arguments that are left out at the end stay left out: JSON would make null of them.
    const list = JSON.stringify(args).slice(1, -1);
    return (await this.tab.evaluate(`sixfold.${name}(${list})`)) as Awaited<ReturnType<PageApi[M]>>;
  }

  /** Loads the page again, without a word to its client, and waits until its program runs. */
  async reload(): Promise<void> {
    const before = await this.#instance();
    await this.tab.reload();
    await this.#loaded(before);
  }

  async #loaded(before: unknown): Promise<void> {
    const isNew = async () => {
      const now = await this.#instance();
      return now !== null && now !== before;
    };
    await until(isNew, { what: 'the page to load' });
  }

  #instance(): Promise<unknown> {
    return this.tab.evaluate('globalThis.sixfold?.instance');
  }
}
