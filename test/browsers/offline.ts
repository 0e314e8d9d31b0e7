import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { PageHandle } from '../../tools/browsers/page-handle.ts';
import type { TcpProxy } from '../../tools/testkit/tcp-proxy.ts';
import { SCALE } from './scale.ts';
import { ids, type Peer, proxyOf, someone, type World } from './world.ts';

/** A page without its network. It has a network of its own, so that other tests can run meanwhile. */
class Offline {
  readonly #world: World;
  readonly #alice = someone('alice');
  readonly #bob = someone('bob');
  readonly #there = ids(`${this.#alice}-`, 20);
  readonly #back = ids(`${this.#bob}-`, 20);
  readonly #parts: { page: PageHandle; network: TcpProxy };
  #until = 0;

  private constructor(world: World, parts: { page: PageHandle; network: TcpProxy }) {
    this.#world = world;
    this.#parts = parts;
  }

  /** The page loses its network, and both sides send. */
  static async begin(world: World): Promise<Offline> {
    const page = await PageHandle.open(world.browser, `${world.site.origin}/`);
    const offline = new Offline(world, { page, network: await proxyOf(world.stack) });
    await offline.#leave();
    return offline;
  }

  async #leave(): Promise<void> {
    const w = this.#world;
    const { page, network } = this.#parts;
    await page.call('start', await w.options(this.#alice, 'memory', { network }));
    await w.online(page);
    network.cut();
    await w.until(async () => (await page.call('status')).state !== 'online', 'the page to notice');
    await page.call('send', this.#bob, this.#there);
    const peer = await w.peer(this.#bob);
    const sent = peer.send(this.#alice, this.#back);
    await Promise.all(sent.map((message) => message.reached('stored')));
    expect(peer.got).toEqual([]);
    this.#until = performance.now() + SCALE.offlineMs;
  }

  /** After the time the network is back, and all arrives. */
  async end(): Promise<void> {
    const w = this.#world;
    const { page, network } = this.#parts;
    await delay(Math.max(0, this.#until - performance.now()));
    const peer: Peer = await w.peer(this.#bob);
    expect(peer.got).toEqual([]);
    network.mend();
    await Promise.all([
      w.untilHandled(this.#bob, this.#back),
      peer.untilGot(this.#there),
      w.untilDelivered(this.#there),
    ]);
    expect(w.doubles(this.#bob)).toEqual([]);
    expect(peer.got).toEqual(this.#there);
    await page.tab.close();
    await network.close();
  }
}

/** @returns to be called where the test belongs in which the page comes back */
export function testOffline(world: () => World): () => void {
  let offline: Offline | undefined;

  test('a page loses its network', async () => {
    offline = await Offline.begin(world());
  });

  return () =>
    test('a page that was offline for a while has lost nothing, and comes back by itself', async () => {
      offline ??= await Offline.begin(world());
      await offline.end();
    });
}
