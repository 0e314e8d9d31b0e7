import { afterAll, beforeAll, describe } from 'vitest';
import { describeStorage } from '#libs/client/storage/contract.ts';
import { BROWSER_NAMES } from '../tools/browsers/browser.ts';
import { PageHandle } from '../tools/browsers/page-handle.ts';
import { RemoteStorage } from '../tools/browsers/remote-storage.ts';
import { testLoading } from './browsers/loading.ts';
import { testNetwork } from './browsers/network.ts';
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

  describeStorage('MemoryStorage', async () => {
    bench ??= await PageHandle.open(world.browser, `${world.site.origin}/`);
    const storage = await RemoteStorage.make(bench, 'memory', someone('store'));
    await storage.load();
    return {
      storage,
      reopen: async () => {
        await storage.close();
        return storage;
      },
    };
  });

  testLoading(here);
  testNetwork(here);
});
