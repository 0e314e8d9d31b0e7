import { expect, test } from 'vitest';
import { RemoteStorage } from '../../tools/browsers/remote-storage.ts';
import { ids, someone, type World } from './world.ts';

/** The example's service worker fetches while no page has a connection, and shares the storage with the next page. */
export async function fetchInWorker(w: World): Promise<void> {
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
  // The page had the first one already, and its confirmation got lost.
  const storage = await RemoteStorage.make(page, 'indexeddb', alice);
  await storage.load();
  await storage.write([{ do: 'seen.add', from: bob, id: `${bob}-away-0`, seenAt: Date.now() }], 'strict');
  await storage.close();
  const url = `http://127.0.0.1:${w.network.port}`;
  const options = { url, token: await w.stack.token(alice), name: alice };
  const fresh = away.slice(1);
  expect(await page.call('fetchInWorker', options)).toEqual(fresh);
  await Promise.all(sent.map((message) => message.reached('delivered')));
  expect(await page.call('fetchInWorker', options)).toEqual([]);
  await page.reload();
  await w.connect(page, alice, 'indexeddb');
  await w.untilHandled(bob, fresh);
  expect(w.handled(bob).map(({ id }) => id)).toEqual([...before, ...fresh]);
}

export function testServiceWorker(world: () => World): void {
  test('what a service worker fetched is delivered, and the page handles it once', () =>
    fetchInWorker(world()));
}
