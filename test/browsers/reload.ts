import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { PageHandle } from '../../tools/browsers/page-handle.ts';
import { RemoteStorage } from '../../tools/browsers/remote-storage.ts';
import { SeededRandom } from '../../tools/testkit/seeded-random.ts';
import { SCALE } from './scale.ts';
import { ids, type Peer, someone, type World } from './world.ts';

/** Between two messages, and the longest time until the page goes, milliseconds. */
const PAUSE_MS = 5;
const LONGEST_MS = 250;

/**
 * A page that goes while it sends and receives, and comes back to what it kept in IndexedDB. What it was told is accepted
 * reaches the peer; what the peer sent is handled; nothing is handled twice without the mark that says so.
 */
class Interrupted {
  readonly #world: World;
  readonly #alice = someone('alice');
  readonly #bob = someone('bob');
  readonly #seed = Math.floor(Math.random() * 1_000_000);
  readonly #random = new SeededRandom(this.#seed);
  /** What the peer sent. */
  readonly #back: string[] = [];
  /** What the page gave to send(), or was about to. */
  readonly #there: string[] = [];

  constructor(world: World) {
    this.#world = world;
  }

  async run(times: number, interrupt: Interrupt): Promise<void> {
    const peer = await this.#world.peer(this.#bob);
    let page = await this.#world.page();
    await this.#world.connect(page, this.#alice, 'indexeddb');
    for (let n = 0; n < times; n++) {
      await this.#talk(page, peer, n);
      await delay(this.#random.integer(0, LONGEST_MS));
      page = await interrupt(this.#world, page);
      await this.#world.connect(page, this.#alice, 'indexeddb');
    }
    await this.#talk(page, peer, times); // with nothing in its way
    await this.#judge(page, peer);
  }

  async #talk(page: PageHandle, peer: Peer, n: number): Promise<void> {
    const there = ids(`${this.#alice}-${n}-`, SCALE.perReload);
    const back = ids(`${this.#bob}-${n}-`, SCALE.perReload);
    this.#there.push(...there);
    this.#back.push(...back);
    await page.call('send', this.#bob, there, PAUSE_MS);
    peer.send(this.#alice, back);
  }

  async #judge(page: PageHandle, peer: Peer): Promise<void> {
    const w = this.#world;
    const seed = `seed ${this.#seed}`;
    await w.untilDelivered(this.#there.slice(-SCALE.perReload));
    await w.until(async () => (await page.call('outbox')).length === 0, `the outbox to be empty, ${seed}`);
    const accepted = w.told(this.#there).flatMap(({ id, state }) => (state === 'sending' ? [] : [id]));
    expect(accepted.length, seed).toBeGreaterThanOrEqual(SCALE.perReload);
    await Promise.all([w.untilHandled(this.#bob, this.#back), peer.untilGot(accepted)]);
    expect(w.doubles(this.#bob), seed).toEqual([]);
    expect(peer.got.length, seed).toBe(new Set(peer.got).size);
  }
}

/** Ends a page, and opens it again. */
type Interrupt = (world: World, page: PageHandle) => Promise<PageHandle>;

export const reload: Interrupt = async (_, page) => {
  await page.reload();
  return page;
};

/** The whole browser, which starts again with the same profile. */
export const kill: Interrupt = async (w) => {
  await w.browser.restart();
  return w.page();
};

export const reloadInMidSend = (w: World): Promise<void> => new Interrupted(w).run(SCALE.reloads, reload);

/** What a page was told is sent is in the storage of the next page, as long as nobody says what became of it. */
export async function keepWhatWasSent(w: World, interrupt: Interrupt): Promise<void> {
  const [alice, bob] = [someone('alice'), someone('bob')];
  const page = await w.client(alice, 'indexeddb');
  const peer = await w.peer(bob);
  const there = ids(`${alice}-`, SCALE.perReload);
  let next: PageHandle;
  const sent = () => w.told(there).flatMap(({ id, state }) => (state === 'sent' ? [id] : []));
  for (const routing of w.stack.routing) routing.signal('SIGSTOP');
  try {
    await page.call('send', bob, there);
    await w.all(there, sent, 'messages to be sent');
    next = await interrupt(w, page);
    const storage = await RemoteStorage.make(next, 'indexeddb', alice);
    const { outbox } = await storage.load();
    await storage.close();
    expect(outbox.map(({ id }) => id)).toEqual(there);
  } finally {
    for (const routing of w.stack.routing) routing.signal('SIGCONT');
  }
  await w.connect(next, alice, 'indexeddb');
  await w.untilDelivered(there);
  expect(peer.got).toEqual(there);
}

export function testReload(world: () => World): void {
  test(`a page that is loaded again ${SCALE.reloads} times in mid-send loses and doubles nothing`, () =>
    reloadInMidSend(world()));

  test('what a page was told is sent is in its storage after a reload', () =>
    keepWhatWasSent(world(), reload));
}

export function testKill(world: () => World): void {
  test(`a browser that is killed (${SCALE.kills} times) and started again loses and doubles nothing`, () =>
    new Interrupted(world()).run(SCALE.kills, kill));

  test('what a page was told is sent is in its storage after a kill of the browser', () =>
    keepWhatWasSent(world(), kill));
}
