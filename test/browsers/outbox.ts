import { expect, test } from 'vitest';
import { SCALE } from './scale.ts';
import { someone, type World } from './world.ts';

/** A page that comes back to a long outbox. How long it takes, and how much memory, is printed: no test demands them. */
export function testOutbox(world: () => World): void {
  test('a page starts with a long outbox, and has all of it', async () => {
    const w = world();
    const alice = someone('alice');
    const page = await w.page();
    await page.call('fillOutbox', alice, 'bob', SCALE.outbox);
    await page.reload();
    w.network.cut();
    try {
      const before = await page.tab.memory();
      await page.call('start', await w.options(alice, 'indexeddb'));
      const ms = await page.call('started', SCALE.outbox);
      const megabytes = ((await page.tab.memory()) - before) / 1e6;
      const outbox = await page.call('outbox');
      expect(outbox.map(({ id }) => id)).toEqual(Array.from({ length: SCALE.outbox }, (_, n) => `m${n + 1}`));
      const figures = `started in ${ms.toFixed(0)} ms, takes ${megabytes.toFixed(0)} MB`;
      console.log(`${w.browser.name}: ${SCALE.outbox} messages in the outbox: ${figures}`);
    } finally {
      await page.tab.close();
      w.network.mend();
    }
  });
}
