import { expect, test } from 'vitest';
import { until } from '../harness/wait.ts';
import { ids, someone, type World } from './world.ts';

/** The example's service worker fetches while no page has a connection, and shares the storage with the next page. */
export function testServiceWorker(world: () => World): void {
  test('what a service worker fetched is delivered, and the page handles it once', async () => {
    const w = world();
    const [alice, bob] = [someone('alice'), someone('bob')];
    const peer = await w.peer(bob);
    const page = await w.client(alice, 'indexeddb');
    const before = ids(`${bob}-before-`, 3);
    peer.send(alice, before);
    await w.untilHandled(bob, before);
    await page.call('close');
    const away = ids(`${bob}-away-`, 5);
    const sent = peer.send(alice, away);
    await Promise.all(sent.map((message) => message.reached('stored')));
    const url = `http://127.0.0.1:${w.network.port}`;
    const options = { url, token: await w.stack.token(alice), name: alice };
    expect(await page.call('fetchInWorker', options)).toEqual(away);
    await Promise.all(sent.map((message) => message.reached('delivered')));
    expect(await page.call('fetchInWorker', options)).toEqual([]);
    await page.reload();
    await w.connect(page, alice, 'indexeddb');
    await w.untilHandled(bob, away);
    await until(async () => (await page.call('status')).state === 'online', {
      what: 'the page to be online',
    });
    expect(w.handled(bob).map(({ id }) => id)).toEqual([...before, ...away]);
  });
}
