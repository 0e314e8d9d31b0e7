import { afterAll, beforeAll, describe } from 'vitest';
import { describeStorage } from '#libs/client/storage/contract.ts';
import { BROWSER_NAMES } from '../tools/browsers/browser.ts';
import { PageHandle } from '../tools/browsers/page-handle.ts';
import { RemoteStorage } from '../tools/browsers/remote-storage.ts';
import { testLoading } from './browsers/loading.ts';
import { testNetwork } from './browsers/network.ts';
import { testOffline } from './browsers/offline.ts';
import { testOutbox } from './browsers/outbox.ts';
import { testKill, testReload } from './browsers/reload.ts';
import { testStorageErrors } from './browsers/storage-errors.ts';
import { testServiceWorker } from './browsers/service-worker.ts';
import { testTabs } from './browsers/tabs.ts';
import { someone, World } from './browsers/world.ts';

/** The client in real browsers: Chromium and Firefox as Debian has them, headless. `npm run browsers` does more of it. */

describe.each(BROWSER_NAMES)('%s', (name) => {
  let world: World;
  const here = () => world;

  beforeAll(async () => {
    world = await World.start(name);
  });

  afterAll(() => world.stop());

  let bench: PageHandle | undefined;
  const page = async () => (bench ??= await PageHandle.open(world.browser, `${world.site.origin}/`));

  describeStorage('MemoryStorage', async () => {
    const storage = await RemoteStorage.make(await page(), 'memory', 'any');
    await storage.load();
    return {
      storage,
      reopen: async () => {
        await storage.close();
        return storage;
      },
    };
  });

  describeStorage('IndexedDbStorage', async () => {
    const database = someone('storage');
    const storage = await RemoteStorage.make(await page(), 'indexeddb', database);
    await storage.load();
    return {
      storage,
      reopen: async () => {
        await storage.close();
        return RemoteStorage.make(await page(), 'indexeddb', database);
      },
    };
  });

  const testBackOnline = testOffline(here);
  // While one connection fails again and again, Firefox lets the others to the same address wait.
  if (name === 'firefox') testBackOnline();
  testLoading(here);
  testNetwork(here);
  testReload(here);
  testOutbox(here);
  testStorageErrors(here);
  testTabs(here);
  testServiceWorker(here);
  if (name !== 'firefox') testBackOnline();
  testKill(here); // at the end: other tests' tabs go with it
});
