import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Browser } from '../../browsers/browser.ts';
import type { Tab } from '../../browsers/driver/driver.ts';
import { sendSignal } from '../../stack/processes.ts';
import { until } from '../../stack/until.ts';
import type { ClientHost } from '../client-host.ts';
import { Counter, type Counts } from '../clients/counter.ts';
import type { Command, Orders } from '../clients/orders.ts';
import { type ClientEvent, historyWriter, readHistory } from '../history.ts';
import { ClientSite } from './client-site.ts';

const END_MS = 60_000;

export interface BrowserClientsOptions {
  /** `browser-1`, … */
  name: string;
  /** Root of the work tree whose client library it uses. */
  root: string;
  dataDir: string;
  orders: Omit<Orders, 'run' | 'dir' | 'storageDir'>;
}

/**
 * Chromium with a tab full of clients, which keep their state in IndexedDB. Each load of the page is a run. Firefox cannot take
 * part: it runs other events of the page while a synchronous request writes one down, so that messages change their order.
 */
export class BrowserClients implements ClientHost {
  readonly name: string;
  readonly crashes: string[] = [];
  readonly #options: BrowserClientsOptions;
  readonly #historyFile: string;
  readonly #write: (event: ClientEvent) => void;
  readonly #counters: Counter[] = [];
  #command: Command | undefined;
  #ended = false;
  #parts!: { site: ClientSite; browser: Browser; tab: Tab };

  private constructor(options: BrowserClientsOptions, dir: string) {
    this.#options = options;
    this.name = options.name;
    this.#historyFile = join(dir, 'history.jsonl');
    this.#write = historyWriter(this.#historyFile);
  }

  /** Starts the browser, and opens the page. */
  static async start(options: BrowserClientsOptions): Promise<BrowserClients> {
    const dir = join(options.dataDir, options.name);
    mkdirSync(dir);
    const clients = new BrowserClients(options, dir);
    const site = await ClientSite.start(options.root, clients.#answers());
    const browser = await Browser.start('chromium', dir);
    clients.#parts = { site, browser, tab: await browser.open(site.url) };
    return clients;
  }

  async restart(): Promise<void> {
    await this.#parts.browser.restart();
    await this.open();
  }

  kill(): Promise<void> {
    return this.#parts.browser.kill();
  }

  signal(signal: NodeJS.Signals): void {
    sendSignal(-this.#parts.browser.pid, signal);
  }

  /** Loads the page again, without a word to its clients. */
  reload(): Promise<void> {
    return this.#parts.tab.reload();
  }

  /** Ends the process of the tab. */
  async crash(): Promise<void> {
    await this.#parts.tab.crash();
    await this.#parts.tab.close();
  }

  /** Opens the page in a new tab. */
  async open(): Promise<void> {
    const { browser, site } = this.#parts;
    this.#parts.tab = await browser.open(site.url);
  }

  settle(): void {
    this.#command = 'settle';
  }

  async end(): Promise<void> {
    this.#command = 'end';
    await until(() => this.#ended, { what: `${this.name} to end its clients`, timeoutMs: END_MS }).catch(
      (error: unknown) => this.crashes.push(String(error)),
    );
    await this.kill();
    this.#parts.site.close();
  }

  get counter(): Counter {
    return this.#counters.at(-1) ?? new Counter();
  }

  total(count: keyof Counts): number {
    return this.#counters.reduce((sum, counter) => sum + counter[count], 0);
  }

  history(): ClientEvent[] {
    return existsSync(this.#historyFile) ? readHistory(this.#historyFile) : [];
  }

  /** What the page asks for. */
  #answers() {
    const { orders } = this.#options;
    return {
      '/orders': () => {
        const run = this.#counters.push(new Counter());
        const own: Orders = { ...orders, tokens: '/token', run, dir: '', storageDir: '' };
        return JSON.stringify(own);
      },
      '/history': (body: string) => {
        this.#write(JSON.parse(body) as ClientEvent);
        return '';
      },
      '/counter': (body: string, query: string) => {
        const run = Number(new URLSearchParams(query).get('run'));
        this.#counters[run - 1] = JSON.parse(body) as Counter;
        return this.#command ?? '';
      },
      '/token': async (_: string, query: string) => {
        const response = await fetch(`${orders.tokens}${query}`);
        if (!response.ok) throw new Error(`the token endpoint answers ${response.status}`);
        return response.text();
      },
      '/ended': () => {
        this.#ended = true;
        return '';
      },
    };
  }
}
