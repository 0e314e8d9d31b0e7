import type { Browser } from '../../browsers/browser.ts';
import type { Tab } from '../../browsers/driver/driver.ts';

/** A tab full of clients, as the nemesis sees it. */
export class ClientPage {
  readonly #browser: Browser;
  readonly #url: string;
  readonly #over: () => void;
  #tab!: Tab;

  /** @param over called when what runs in the page is about to go */
  constructor(browser: Browser, url: string, over: () => void) {
    this.#browser = browser;
    this.#url = url;
    this.#over = over;
  }

  /** Opens it in a new tab. */
  async open(): Promise<void> {
    this.#tab = await this.#browser.open(this.#url);
  }

  /** Loads it again, without a word to its clients. */
  reload(): Promise<void> {
    this.#over();
    return this.#tab.reload();
  }

  /** Closes the tab. */
  close(): Promise<void> {
    this.#over();
    return this.#tab.close();
  }

  /** Ends the process of the tab. */
  async crash(): Promise<void> {
    this.#over();
    await this.#tab.crash();
    await this.#tab.close();
  }

  /** Whether it can be frozen. */
  get freezes(): boolean {
    return this.#tab.freeze !== undefined;
  }

  /** Freezes it, as the browser does with tabs in the background, or ends that. */
  async freeze(frozen: boolean): Promise<void> {
    await this.#tab.freeze?.(frozen);
  }
}
