import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { PageHandle } from '../../tools/browsers/page-handle.ts';
import { SeededRandom } from '../../tools/testkit/seeded-random.ts';
import { SCALE } from './scale.ts';
import { ids, someone, type World } from './world.ts';

/** Between two messages of the peer, and the mean time between two events of the tabs, milliseconds. */
const PAUSE_MS = 20;
const MEAN_EVENT_MS = 400;

/** Tabs of one user that open, close, crash, are loaded again and freeze. At least one is there, and not frozen. */
class Tabs {
  readonly #world: World;
  readonly #user: string;
  readonly #random: SeededRandom;
  #awake: PageHandle[] = [];
  #frozen: PageHandle[] = [];
  #opened = 0;

  constructor(world: World, user: string, random: SeededRandom) {
    this.#world = world;
    this.#user = user;
    this.#random = random;
  }

  get #last(): boolean {
    return this.#awake.length < 2;
  }

  /** A tab that works. */
  get any(): PageHandle {
    return this.#random.pick(this.#awake);
  }

  async open(): Promise<void> {
    const page = await this.#world.page();
    await this.#start(page);
    this.#awake.push(page);
  }

  /** Something happens to a tab, or a new one opens. */
  async event(): Promise<void> {
    const events = [
      ...(this.#awake.length + this.#frozen.length < SCALE.mostTabs ? ['open', 'open'] : []),
      ...(this.#last ? [] : ['close', 'crash', 'freeze']),
      ...(this.#frozen.length > 0 ? ['thaw'] : []),
      'reload',
    ];
    await this.#happen(this.#random.pick(events));
  }

  /** Ends all freezes. */
  async thaw(): Promise<void> {
    for (const page of this.#frozen.splice(0)) {
      await page.tab.freeze?.(false);
      this.#awake.push(page);
    }
  }

  async #happen(event: string): Promise<void> {
    if (event === 'open') return this.open();
    if (event === 'thaw') return this.thaw();
    const page = this.any;
    if (event === 'reload') {
      await page.reload();
      return this.#start(page);
    }
    if (event === 'freeze' && !page.tab.freeze) return;
    this.#awake = this.#awake.filter((other) => other !== page);
    if (event === 'close') return page.tab.close();
    if (event === 'crash') return page.tab.crash();
    this.#frozen.push(page);
    await page.tab.freeze?.(true);
  }

  async #start(page: PageHandle): Promise<void> {
    const options = await this.#world.options(this.#user, 'indexeddb', { tab: `tab ${++this.#opened}` });
    await page.call('start', { ...options, tabs: true });
  }
}

/** Three tabs: what one sends is known in the others, and what comes is handled by one, and shown by all. */
export async function shareConnection(w: World): Promise<void> {
  const [alice, bob] = [someone('alice'), someone('bob')];
  const peer = await w.peer(bob);
  const pages = await Promise.all([w.page(), w.page(), w.page()]);
  for (const [n, page] of pages.entries()) {
    const options = await w.options(alice, 'indexeddb', { tab: `tab ${n}` });
    await page.call('start', { ...options, tabs: true });
    await w.online(page);
  }
  const leaders = await Promise.all(pages.map((page) => page.call('leads')));
  expect(leaders.filter(Boolean)).toHaveLength(1);
  const there = pages.map((_, n) => `${alice}-${n}`);
  for (const [n, page] of pages.entries()) await page.call('send', bob, there.slice(n, n + 1));
  const back = ids(`${bob}-`, 10);
  peer.send(alice, back);
  await Promise.all([w.untilHandled(bob, back), peer.untilGot(there)]);
  const shown = () =>
    w.site.reports.filter((one) => (one.kind === 'mirrored' || one.kind === 'handled') && one.from === bob);
  const told = () => w.told(there).filter(({ state }) => state === 'delivered');
  await w.until(() => shown().length >= pages.length * back.length, 'all tabs to show all messages');
  await w.until(() => told().length === pages.length * there.length, 'every tab to know every state');
  expect(w.handled(bob).map(({ id }) => id)).toEqual(back);
}

/** Tabs open, close, crash and freeze while a peer sends: each message is handled once. */
async function comeAndGo(w: World): Promise<void> {
  const [alice, bob] = [someone('alice'), someone('bob')];
  const seed = Math.floor(Math.random() * 1_000_000);
  const random = new SeededRandom(seed);
  const peer = await w.peer(bob);
  const tabs = new Tabs(w, alice, random);
  await tabs.open();
  await tabs.open();
  const back = ids(`${bob}-`, SCALE.tabMessages);
  const there: string[] = [];
  const sending = (async () => {
    for (const id of back) {
      peer.send(alice, [id]);
      await delay(PAUSE_MS);
    }
  })();
  for (let over = false; !over;) {
    await tabs.event();
    const id = `${alice}-${there.length}`;
    there.push(id);
    await tabs.any.call('send', bob, [id]);
    over = await Promise.race([
      sending.then(() => true),
      delay(random.wait(MEAN_EVENT_MS)).then(() => false),
    ]);
  }
  await tabs.thaw();
  const last = ids(`${alice}-last-`, 5);
  await tabs.any.call('send', bob, last);
  await w.untilHandled(bob, back);
  await w.untilDelivered(last);
  const accepted = w.told(there).flatMap(({ id, state }) => (state === 'sending' ? [] : [id]));
  await peer.untilGot([...new Set(accepted)]);
  expect(w.doubles(bob), `seed ${seed}`).toEqual([]);
  expect(peer.got.length, `seed ${seed}`).toBe(new Set(peer.got).size);
  expect(accepted.length).toBeGreaterThan(0);
}

export function testTabs(world: () => World): void {
  test('a message that a tab sends is known in the others, and what comes is handled by one, and shown by all', () =>
    shareConnection(world()));

  test(`tabs open, close, crash and freeze while ${SCALE.tabMessages} messages come: each is handled once`, () =>
    comeAndGo(world()));
}
