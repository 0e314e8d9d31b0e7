import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { inject, onTestFinished } from 'vitest';
import { type Client, connect, type OutgoingMessage } from '#libs/client/index.ts';
import { Browser, type BrowserName } from '../../tools/browsers/browser.ts';
import { PageHandle } from '../../tools/browsers/page-handle.ts';
import type { PageStorage, Report, StartOptions } from '../../tools/browsers/page/api.ts';
import { Site } from '../../tools/browsers/site/site.ts';
import { TcpProxy } from '../../tools/testkit/tcp-proxy.ts';
import { watchLog } from '../harness/logs.ts';
import { type Stack, startStack } from '../harness/stack.ts';
import { until } from '../harness/wait.ts';

/** A fault of seconds must not turn into a pause of half a minute. */
const TUNING = { reconnect: { baseMs: 100, maxMs: 1_000 }, retransmit: { baseMs: 5_000, maxMs: 10_000 } };

/** Everything arrives in the end; a busy machine may take its time, milliseconds. */
const PATIENCE_MS = 120_000;

type Handled = Extract<Report, { kind: 'handled' }>;
type Told = Extract<Report, { kind: 'told' }>;

let users = 0;

/** A name that no other test has. */
export const someone = (name: string): string => `${name}-${++users}`;

interface WorldOptions {
  /** Root of the work tree whose client the pages have. */
  root?: string;
  /** How long what must happen may take, milliseconds. */
  patienceMs?: number;
}

/** A real browser, a site with the pages of tests, and a stack that the pages reach through a proxy. */
export class World {
  readonly browser: Browser;
  readonly site: Site;
  readonly stack: Stack;
  /** Between the pages and the gateway. */
  readonly network: TcpProxy;
  readonly #patienceMs: number;

  private constructor(
    { browser, site, stack, network }: Pick<World, 'browser' | 'site' | 'stack' | 'network'>,
    patienceMs: number,
  ) {
    this.browser = browser;
    this.site = site;
    this.stack = stack;
    this.network = network;
    this.#patienceMs = patienceMs;
  }

  static async start(
    name: BrowserName,
    { root, patienceMs = PATIENCE_MS }: WorldOptions = {},
  ): Promise<World> {
    // Below the run's folder, so that the end of the run covers it too.
    const folder = await mkdtemp(join(inject('infrastructure').dataDir, 'browser-'));
    const site = await Site.start(folder, root);
    const browser = await Browser.start(name, folder, ({ logFile }) => watchLog(name, logFile));
    const stack = await startStack({ gateways: 1, env: { ALLOWED_ORIGINS: site.origin } });
    const network = await proxyOf(stack);
    return new World({ browser, site, stack, network }, patienceMs);
  }

  async stop(): Promise<void> {
    await this.browser.kill();
    await this.stack.stop();
    await Promise.all([this.network.close(), this.site.close()]);
  }

  /** Waits for a condition. @throws Error naming `what` */
  until<T>(condition: () => T | Promise<T>, what: string): Promise<T> {
    return until(condition, { what, timeoutMs: this.#patienceMs });
  }

  /** Waits until a page's client has a session. */
  async online(page: PageHandle): Promise<void> {
    await this.until(async () => (await page.call('status')).state === 'online', 'the page to be online');
  }

  /** Opens a page, which is closed when the test is over. */
  async page(url = `${this.site.origin}/`): Promise<PageHandle> {
    const page = await PageHandle.open(this.browser, url);
    onTestFinished(() => page.tab.close().catch(() => undefined)); // the test may have closed or killed it
    return page;
  }

  /** Options of a client in a page. */
  async options(
    user: string,
    storage: PageStorage,
    { tab = 'one', network = this.network } = {},
  ): Promise<StartOptions> {
    const url = `ws://127.0.0.1:${network.port}/ws`;
    return { url, token: await this.stack.token(user), tab, storage, database: user, tuning: TUNING };
  }

  /** Makes a client in a page, and waits until it has a session. */
  async connect(page: PageHandle, user: string, storage: PageStorage): Promise<void> {
    await page.call('start', await this.options(user, storage));
    await this.online(page);
  }

  /** Opens a page with a client that has a session. */
  async client(user: string, storage: PageStorage = 'memory', url?: string): Promise<PageHandle> {
    const page = await this.page(url);
    await this.connect(page, user, storage);
    return page;
  }

  /** A user who has nothing to do with the browser, and is online. */
  async peer(user: string): Promise<Peer> {
    const peer = new Peer(
      this,
      connect({ url: this.stack.gateways[0]?.url ?? '', token: await this.stack.token(user) }),
    );
    onTestFinished(() => peer.client.close({ flushMs: 0 }));
    await peer.client.connected();
    return peer;
  }

  /** What pages handled that came from a user, in order. */
  handled(from: string): Handled[] {
    return this.site.reports.filter((one): one is Handled => one.kind === 'handled' && one.from === from);
  }

  /** What pages were told of the messages with these ids. */
  told(ids: readonly string[]): Told[] {
    return this.site.reports.filter((one): one is Told => one.kind === 'told' && ids.includes(one.id));
  }

  /** Waits until pages have handled all these messages. @throws Error naming those that are missing */
  async untilHandled(from: string, ids: readonly string[]): Promise<void> {
    await this.all(ids, () => this.handled(from).map(({ id }) => id), `messages of ${from} to be handled`);
  }

  /** Waits until pages were told that these messages are delivered. */
  async untilDelivered(ids: readonly string[]): Promise<void> {
    const delivered = () => this.told(ids).flatMap(({ id, state }) => (state === 'delivered' ? [id] : []));
    await this.all(ids, delivered, 'messages to be delivered');
  }

  /** Waits until all of `wanted` are there. @throws Error naming those that are missing */
  async all(wanted: readonly string[], present: () => string[], what: string): Promise<void> {
    const missing = () => {
      const here = new Set(present());
      return wanted.filter((id) => !here.has(id));
    };
    await this.until(() => missing().length === 0, what).catch((cause: unknown) => {
      throw new Error(`${missing().length} ${what}: ${missing().slice(0, 10).join(' ')}`, { cause });
    });
  }

  /** Messages that a page handled a second time, though nothing said that they may be. */
  doubles(from: string): string[] {
    const seen = new Set<string>();
    return this.handled(from).flatMap(({ id, again }) => {
      const double = seen.has(id) && !again;
      seen.add(id);
      return double ? [id] : [];
    });
  }
}

/** The reference client on Node, and what its application got. */
export class Peer {
  readonly client: Client;
  /** Ids, in order. */
  readonly got: string[] = [];
  readonly #world: World;

  constructor(world: World, client: Client) {
    this.#world = world;
    this.client = client;
    client.onError(() => undefined); // of a gateway that is gone for a while
    client.onMessage(({ id }) => this.got.push(id));
  }

  send(to: string, ids: readonly string[]): OutgoingMessage[] {
    return ids.map((id) => this.client.send(to, { text: id }, { id }));
  }

  async untilGot(ids: readonly string[]): Promise<void> {
    await this.#world.all(ids, () => this.got, 'messages to reach the peer');
  }
}

/** Ids of messages. */
export const ids = (prefix: string, count: number): string[] =>
  Array.from({ length: count }, (_, n) => `${prefix}${n}`);

/** A network between pages and the gateway. */
export async function proxyOf({ gateways: [gateway] }: Stack): Promise<TcpProxy> {
  if (!gateway) throw new Error('the stack has a gateway');
  return TcpProxy.listen(gateway.port);
}
