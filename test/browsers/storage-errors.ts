import { expect, test } from 'vitest';
import type { StorageReason } from '#libs/client/indexeddb/indexeddb.ts';
import type { PageHandle } from '../../tools/browsers/page-handle.ts';
import { someone, type World } from './world.ts';

/** Waits until the client of a page has told that its storage failed. */
function untilFailed(w: World, tab: string, reason: StorageReason): Promise<boolean> {
  const isIt = (one: World['site']['reports'][number]) =>
    one.kind === 'error' && one.code === 'storage' && one.tab === tab && one.reason === reason;
  return w.until(() => w.site.reports.some(isIt), `the error ${reason} of ${tab}`);
}

async function untilClosed(w: World, page: PageHandle): Promise<void> {
  const status = () => page.call('status');
  await w.until(async () => (await status()).state === 'closed', 'the client to be closed');
  expect(await status()).toMatchObject({ state: 'closed', reason: 'storage' });
}

/** A page with a client that does not come online. */
async function refused(w: World, user: string, url?: string): Promise<PageHandle> {
  const page = await w.page(url);
  await page.call('start', await w.options(user, 'indexeddb', { tab: `${user} refused` }));
  return page;
}

/** A page with a client that is online. */
async function online(w: World, user: string): Promise<PageHandle> {
  const page = await w.page();
  await page.call('start', await w.options(user, 'indexeddb', { tab: user }));
  await w.online(page);
  return page;
}

/** What the user, another page or the browser does to a storage: each is a StorageError that says so, in onError. */
export function testStorageErrors(world: () => World): void {
  test('in_use: a second page with the same storage is closed, the first one stays', async () => {
    const w = world();
    const alice = someone('alice');
    const first = await online(w, alice);
    const second = await refused(w, alice);
    await untilFailed(w, `${alice} refused`, 'in_use');
    await untilClosed(w, second);
    expect(await first.call('status')).toMatchObject({ state: 'online' });
  });

  test('newer_version: a page lets go of its database when a newer library wants it, and does not open it again', async () => {
    const w = world();
    const alice = someone('alice');
    const old = await online(w, alice);
    const newer = await w.page();
    expect(await newer.call('openDatabase', alice, 1_000)).toBe('open');
    await untilFailed(w, alice, 'newer_version');
    await untilClosed(w, old);
    await refused(w, alice);
    await untilFailed(w, `${alice} refused`, 'newer_version');
  });

  test('blocked: an old tab keeps the database open', async () => {
    const w = world();
    const alice = someone('alice');
    const [old, newer] = [await w.page(), await w.page()];
    const opening = `new Promise((resolve) => { indexedDB.open('${alice}', 1).onsuccess = (event) => {
      globalThis.kept = event.target.result;
      resolve();
    }; })`;
    await old.tab.evaluate(opening);
    expect(await newer.call('openDatabase', alice, 1_000)).toBe('blocked');
    await old.tab.evaluate('kept.close()');
    await w.until(
      async () => (await newer.call('openDatabase', alice, 1_000)) === 'open',
      'the database to be free',
    );
  });

  test('lost: the database is deleted while a client has it', async () => {
    const w = world();
    const alice = someone('alice');
    const page = await online(w, alice);
    const other = await w.page();
    await other.tab.evaluate(`void indexedDB.deleteDatabase('${alice}')`);
    await untilFailed(w, alice, 'lost');
    await untilClosed(w, page);
  });

  test('unavailable: a page that may not store', async () => {
    const w = world();
    const alice = someone('alice');
    const page = await refused(w, alice, w.site.sandboxed);
    await untilFailed(w, `${alice} refused`, 'unavailable');
    await untilClosed(w, page);
  });
}
