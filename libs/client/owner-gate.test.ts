import { describe, expect, test } from 'vitest';
import type { Change } from './storage.ts';
import { MemoryStorage } from './storage/memory.ts';
import { ManualClock, settle } from './testing/manual-clock.ts';
import { comeOnline, setup } from './testing/setup.ts';

/** Knows all that was ever written to it. */
class WatchedStorage extends MemoryStorage {
  readonly written: Change[] = [];

  override write(changes: readonly Change[]): Promise<void> {
    this.written.push(...changes);
    return super.write(changes);
  }
}

/** A storage that alice has used, with a message of hers on the way. */
async function storageOfAlice(): Promise<WatchedStorage> {
  const storage = new WatchedStorage();
  const entry = { n: 1, id: 'hers', to: 'bob', bodyText: '1' };
  await storage.write([
    { do: 'owner.set', user: 'alice' },
    { do: 'outbox.put', entry },
  ]);
  storage.written.length = 0;
  return storage;
}

const jwt = (sub: string) => `h.${btoa(JSON.stringify({ sub })).replaceAll('=', '')}.s`;
const never = () => new Promise<string>(() => undefined);

/** What alice sends when she logs in with this storage. */
async function sentByAlice(storage: MemoryStorage): Promise<string[]> {
  const made = setup({ storage: storage.clone() });
  const connection = await comeOnline(made);
  await made.clock.advance(100_000);
  return [...new Set(connection.takeIds())];
}

describe("alice's storage, mallory's login", () => {
  const clocks: [title: string, waitMs: number, written: boolean][] = [
    ['at once: nothing is written', 0, false],
    ['after a while: what was written meanwhile is taken out', 60_000, true],
  ];
  test.each(clocks)('%s', async (_title, waitMs, written) => {
    const storage = await storageOfAlice();
    const made = setup({ storage, tuning: { connectTimeoutMs: 100_000 } });
    const before = made.client.send('carol', 1, { id: 'before' });
    const settled = expect(before.settled()).rejects.toMatchObject({ reason: 'owner' });
    await settle();
    const after = made.client.send('carol', 1, { id: 'loaded' });
    await made.clock.advance(waitMs);
    expect(storage.written.length > 0).toBe(written);
    await made.gateway.last.open();
    await made.gateway.last.login({ user: 'mallory', mailbox: false });
    expect(made.client.status).toEqual({ state: 'closed', reason: 'owner' });
    expect(made.errors).toMatchObject([{ code: 'owner' }]);
    expect(made.gateway.last.received).toEqual([]);
    await settled;
    expect([before, after]).toMatchObject([
      { state: 'failed', reason: 'owner' },
      { state: 'failed', reason: 'owner' },
    ]);
    expect(() => made.client.send('carol', 1)).toThrow('closed');
    expect(before.retry()).toBe(false);
    await made.clock.advance(60_000);
    expect(await sentByAlice(storage)).toEqual(['hers']);
    await made.client.close();
    expect(await sentByAlice(storage)).toEqual(['hers']);
    expect((await storage.load()).outbox).toMatchObject([{ id: 'hers' }]);
  });

  test('connected() does not resolve for a session that cannot be used', async () => {
    const made = setup({ storage: await storageOfAlice() });
    const connected = expect(made.client.connected()).rejects.toMatchObject({ code: 'closed' });
    await settle();
    await made.gateway.last.open();
    await made.gateway.last.login({ user: 'mallory', mailbox: false });
    await connected;
  });

  test('a token that says so is enough: nothing is ever written, and what alice received is not shown', async () => {
    const storage = await storageOfAlice();
    await storage.write([{ do: 'inbox.put', entry: { n: 1, from: 'bob', id: 'm7', body: 1, at: 1 } }]);
    storage.written.length = 0;
    const shown: unknown[] = [];
    const made = setup({ storage, token: jwt('mallory') });
    made.client.onMessage((message) => shown.push(message));
    const message = made.client.send('carol', 1, { id: 'm1' });
    await made.clock.advance(5_000);
    const closing = made.client.close({ flushMs: 0 });
    await made.clock.advance(10);
    await closing;
    expect(message).toMatchObject({ state: 'failed', reason: 'owner' });
    expect([storage.written, shown]).toEqual([[], []]);
  });

  test('the option `user` is enough: no connection is made', async () => {
    const storage = await storageOfAlice();
    const made = setup({ storage, user: 'mallory' });
    const message = made.client.send('carol', 1);
    await settle();
    expect(made.client.status).toEqual({ state: 'closed', reason: 'owner' });
    expect(message).toMatchObject({ state: 'failed', reason: 'owner' });
    expect(made.gateway.connections).toEqual([]);
    made.client.reconnect();
    await settle();
    expect(made.client.status).toEqual({ state: 'closed', reason: 'owner' });
    expect(storage.written).toEqual([]);
  });

  test('after reconnect() with a token of alice it goes on, in her name', async () => {
    const storage = await storageOfAlice();
    const made = setup({ storage });
    await settle();
    await made.gateway.last.open();
    await made.gateway.last.login({ user: 'mallory', mailbox: false });
    made.client.reconnect();
    expect(made.client.send('carol', 1, { id: 'm1' }).state).toBe('sending');
    const connection = await comeOnline(made);
    expect(connection.takeIds()).toEqual(['hers', 'm1']);
  });

  test('later in the run: what alice sent stays, what mallory sent is not kept', async () => {
    const storage = await storageOfAlice();
    let user = 'alice';
    const made = setup({ storage, token: () => jwt(user) });
    const connection = await comeOnline(made);
    made.client.send('carol', 1, { id: 'alices' });
    await connection.close(1006);
    user = 'mallory';
    made.client.reconnect();
    await settle();
    const message = made.client.send('carol', 1, { id: 'mallorys' });
    await made.clock.advance(5_000);
    await made.gateway.last.open();
    await made.gateway.last.login({ user, mailbox: false });
    expect(message).toMatchObject({ state: 'failed', reason: 'owner' });
    expect(await sentByAlice(storage)).toEqual(['hers', 'alices']);
  });
});

describe('a start without a network', () => {
  const known = { 'the option user': { user: 'alice' }, 'a readable token': { token: () => jwt('alice') } };
  test.each(Object.entries(known))('%s: what is sent is written at once', async (_title, options) => {
    const storage = await storageOfAlice();
    const made = setup({ storage, ...options });
    made.client.send('carol', 1, { id: 'm1' });
    await settle();
    expect(await sentByAlice(storage)).toEqual(['hers', 'm1']);
  });

  test.each(['owner known', 'new'])(
    'the user is not known (%s storage): it is written soon',
    async (kind) => {
      const storage = kind === 'new' ? new WatchedStorage() : await storageOfAlice();
      const made = setup({ storage, token: never });
      made.client.send('carol', 1, { id: 'm1' });
      await made.clock.advance(2_000);
      made.client.send('carol', 1, { id: 'm2' });
      await settle();
      expect((await sentByAlice(storage)).slice(-2)).toEqual(['m1', 'm2']);
    },
  );

  test('it is written by close(), too', async () => {
    const storage = await storageOfAlice();
    const made = setup({ storage, token: never });
    made.client.send('carol', 1, { id: 'm1' });
    const closing = made.client.close({ flushMs: 100 });
    await made.clock.advance(100);
    await closing;
    expect(await sentByAlice(storage)).toEqual(['hers', 'm1']);
  });

  test('a new storage belongs to the known user with the first message, to another no more', async () => {
    const storage = new WatchedStorage();
    const made = setup({ storage, token: () => jwt('alice') });
    await settle();
    expect(storage.written).toEqual([]);
    made.client.send('carol', 1, { id: 'm1' });
    await settle();
    expect((await storage.load()).owner).toBe('alice');
    const other = setup({ storage: storage.clone() });
    await settle();
    await other.gateway.last.open();
    await other.gateway.last.login({ user: 'mallory', mailbox: false });
    expect(other.client.status).toEqual({ state: 'closed', reason: 'owner' });
  });

  test('an owner that could not be written goes before what is written next', async () => {
    const storage = new WatchedStorage();
    const write = storage.write.bind(storage);
    storage.write = () => Promise.reject(new Error('disk full'));
    const made = setup({ storage, clock: new ManualClock() });
    await comeOnline(made);
    storage.write = write;
    made.client.send('carol', 1, { id: 'm1' });
    await settle();
    expect(await storage.load()).toMatchObject({ owner: 'alice', outbox: [{ id: 'm1' }] });
  });
});

test("a late token of alice's, whose try was given up, vouches for nothing that mallory sends", async () => {
  const storage = await storageOfAlice();
  const gave: ((token: string) => void)[] = [];
  const made = setup({ storage, token: () => new Promise((resolve) => gave.push(resolve)) });
  made.client.send('carol', 1, { id: 'not_hers' });
  await made.clock.advance(10_500);
  gave[0]?.(jwt('alice'));
  await settle();
  gave[1]?.(jwt('mallory'));
  await settle();
  await made.gateway.last.open();
  await made.gateway.last.login({ user: 'mallory', mailbox: false });
  expect(made.client.status).toEqual({ state: 'closed', reason: 'owner' });
  await settle();
  expect(await sentByAlice(storage)).toEqual(['hers']);
});
