import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { PageHandle } from '../../tools/browsers/page-handle.ts';
import { SeededRandom } from '../../tools/testkit/seeded-random.ts';
import { until } from '../harness/wait.ts';
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

  /** @param interrupt ends the page, and opens it again */
  async run(times: number, interrupt: (page: PageHandle) => Promise<PageHandle>): Promise<void> {
    const peer = await this.#world.peer(this.#bob);
    let page = await this.#world.page();
    await this.#world.connect(page, this.#alice, 'indexeddb');
    for (let n = 0; n < times; n++) {
      await this.#talk(page, peer, n);
      await delay(this.#random.integer(0, LONGEST_MS));
      page = await interrupt(page);
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
    await until(async () => (await page.call('outbox')).length === 0, {
      what: `the outbox to be empty, ${seed}`,
      timeoutMs: 120_000,
    });
    const accepted = w.told(this.#there).flatMap(({ id, state }) => (state === 'sending' ? [] : [id]));
    expect(accepted.length, seed).toBeGreaterThanOrEqual(SCALE.perReload);
    await Promise.all([w.untilHandled(this.#bob, this.#back), peer.untilGot(accepted)]);
    expect(w.doubles(this.#bob), seed).toEqual([]);
    expect(peer.got.length, seed).toBe(new Set(peer.got).size);
  }
}

export function testReload(world: () => World): void {
  test(`a page that is loaded again ${SCALE.reloads} times in mid-send loses and doubles nothing`, async () => {
    await new Interrupted(world()).run(SCALE.reloads, async (page) => {
      await page.reload();
      return page;
    });
  });
}

export function testKill(world: () => World): void {
  test(`a browser that is killed (${SCALE.kills} times) and started again loses and doubles nothing`, async () => {
    const w = world();
    await new Interrupted(w).run(SCALE.kills, async () => {
      await w.browser.restart();
      return w.page();
    });
  });
}
