import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Browser, type BrowserName } from '../../browsers/browser.ts';
import { sendSignal } from '../../stack/processes.ts';
import { until } from '../../stack/until.ts';
import type { ClientHost } from '../client-host.ts';
import { type Counter, type Counts, REPORT_MS } from '../clients/counter.ts';
import type { Command, Orders } from '../clients/orders.ts';
import { type ClientEvent, historyWriter, readHistory } from '../history.ts';
import { ClientPage } from './client-page.ts';
import { type Answer, ClientSite } from './client-site.ts';
import { PageRuns } from './page-runs.ts';

/** Tabs that each browser has open when all is well. */
const PAGES = 3;

const END_MS = 60_000;

export interface BrowserClientsOptions {
  /** `browser-1`, … */
  name: string;
  kind: BrowserName;
  /** Root of the work tree whose client library it uses. */
  root: string;
  dataDir: string;
  orders: Omit<Orders, 'run' | 'dir' | 'storageDir'>;
}

/**
 * A browser with tabs full of clients, which keep their state in IndexedDB. Each load of a page is a run. The first tab has all
 * users, the others only those who have several tabs.
 */
export class BrowserClients implements ClientHost {
  readonly name: string;
  readonly crashes: string[] = [];
  readonly #options: BrowserClientsOptions;
  readonly #historyFile: string;
  readonly #runs: PageRuns;
  #command: Command | undefined;
  #parts!: { site: ClientSite; browser: Browser; pages: readonly ClientPage[] };

  private constructor(options: BrowserClientsOptions, dir: string) {
    this.#options = options;
    this.name = options.name;
    this.#historyFile = join(dir, 'history.jsonl');
    this.#runs = new PageRuns(PAGES, historyWriter(this.#historyFile));
  }

  /** Starts the browser, and opens the pages. */
  static async start(options: BrowserClientsOptions): Promise<BrowserClients> {
    const dir = join(options.dataDir, options.name);
    mkdirSync(dir);
    const clients = new BrowserClients(options, dir);
    const site = await ClientSite.start(options.root, clients.#answers());
    const browser = await Browser.start(options.kind, dir);
    const page = (_: unknown, n: number) =>
      new ClientPage(browser, `${site.url}?page=${n}`, () => clients.#runs.over(n));
    clients.#parts = { site, browser, pages: Array.from({ length: PAGES }, page) };
    await clients.#open();
    return clients;
  }

  /** Its tabs. */
  get pages(): readonly ClientPage[] {
    return this.#parts.pages;
  }

  async restart(): Promise<void> {
    await this.#parts.browser.restart();
    await this.#open();
  }

  kill(): Promise<void> {
    this.#runs.over();
    return this.#parts.browser.kill();
  }

  signal(signal: NodeJS.Signals): void {
    sendSignal(-this.#parts.browser.pid, signal);
  }

  settle(): void {
    this.#command = 'settle';
  }

  async end(): Promise<void> {
    this.#command = 'end';
    const ended = () => this.#runs.allEnded;
    await until(ended, { what: `${this.name} to end its clients`, timeoutMs: END_MS }).catch(
      (error: unknown) => this.crashes.push(String(error)),
    );
    await this.kill();
    this.#parts.site.close();
  }

  get counter(): Counter {
    return this.#runs.counter;
  }

  total(count: keyof Counts): number {
    return this.#runs.total(count);
  }

  history(): ClientEvent[] {
    return existsSync(this.#historyFile) ? readHistory(this.#historyFile) : [];
  }

  async #open(): Promise<void> {
    for (const page of this.pages) await page.open();
  }

  /** What the pages ask for. */
  #answers(): Record<string, Answer> {
    const { orders } = this.#options;
    return {
      '/orders': (_, query) => {
        const page = Number(query.get('page'));
        const users = orders.users.filter(({ tabs }) => page === 0 || tabs);
        const own = { tokens: '/token', run: this.#runs.begin(page), dir: '', storageDir: '' };
        return JSON.stringify({ ...orders, users, seed: orders.seed + page, ...own } satisfies Orders);
      },
      '/history': (body, query) => {
        const events = JSON.parse(body) as ClientEvent[];
        this.#runs.write(Number(query.get('run')), Number(query.get('sheet')), events);
        return '';
      },
      '/beat': () => delay(REPORT_MS, ''),
      '/counter': (body, query) => {
        this.#runs.count(Number(query.get('run')), JSON.parse(body) as Counter);
        return this.#command ?? '';
      },
      '/token': async (_, query) => {
        const response = await fetch(`${orders.tokens}?${query}`);
        if (!response.ok) throw new Error(`the token endpoint answers ${response.status}`);
        return response.text();
      },
      '/ended': (_, query) => {
        this.#runs.ended(Number(query.get('run')));
        return '';
      },
    };
  }
}
