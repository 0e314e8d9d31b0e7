import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import type { Durability } from '../storage.ts';
import { smallDisk } from '../testing/full-disk.ts';
import { comeOnline, setup } from '../testing/setup.ts';
import { LevelStorage } from './level.ts';

// Real disks.
vi.setConfig({ testTimeout: 60_000 });
const PATIENCE = { timeout: 20_000 };

/** Larger than what is left of the last page of a file on a full disk. */
const BODY = JSON.stringify('x'.repeat(300));

/** Writes outbox entries, and knows which of them were acknowledged and which were refused. */
class Writer {
  readonly acknowledged: number[] = [];
  readonly refused: number[] = [];
  readonly errors: unknown[] = [];
  #n = 0;
  storage: LevelStorage;

  constructor(storage: LevelStorage) {
    this.storage = storage;
  }

  async write(count: number, durability: Durability): Promise<void> {
    for (const until = this.#n + count; this.#n < until;) {
      const n = ++this.#n;
      const entry = { n, id: `m${n}`, to: 'bob', bodyText: BODY };
      await this.storage.write([{ do: 'outbox.put', entry }], durability).then(
        () => this.acknowledged.push(n),
        (error: unknown) => {
          this.refused.push(n);
          this.errors.push(error);
        },
      );
    }
  }
}

async function open(path: string): Promise<LevelStorage> {
  const storage = new LevelStorage(path);
  onTestFinished(() => storage.close());
  await storage.load();
  return storage;
}

async function entries(storage: LevelStorage): Promise<number[]> {
  return (await storage.load()).outbox.map(({ n }) => n);
}

for (const durability of ['strict', 'relaxed'] as const) {
  test(`full disk: what a ${durability} write acknowledges is there after a restart, and nothing else`, async (context) => {
    const disk = smallDisk(context);
    const writer = new Writer(await open(join(disk.path, 'db')));
    for (let round = 1; round <= 3; round++) {
      await writer.write(20, durability);
      disk.fill();
      await writer.write(20, durability);
      expect(writer.refused.length).toBeGreaterThanOrEqual(round * 10);
      disk.free();
      const before = writer.acknowledged.length;
      await writer.write(100, durability);
      expect(writer.acknowledged.length).toBe(before + 100);
    }
    expect(await entries(await open(disk.copy('db')))).toEqual(writer.acknowledged);
    expect(writer.errors.map(String).join()).toContain('No space left on device');
  });
}

test('full disk: what is trimmed at that moment harms no write that follows', async (context) => {
  const disk = smallDisk(context);
  const storage = await open(join(disk.path, 'db'));
  const names = Array.from({ length: 900 }, (_, n) => ({ from: 'bob', id: `m${n}` }));
  await storage.write(
    names.map((name) => ({ do: 'seen.add', ...name, seenAt: 1 })),
    'strict',
  );
  disk.fill();
  await expect(storage.trimSeen({ count: 0, since: 2 })).rejects.toThrow();
  disk.free();
  const writer = new Writer(storage);
  await Promise.all([writer.write(20, 'strict'), storage.trimSeen({ count: 100, since: 2 })]);
  const copy = await open(disk.copy('db'));
  expect(await entries(copy)).toEqual(writer.acknowledged);
  expect(writer.refused).toEqual([]);
  const seen = await copy.seen(names);
  expect(seen.indexOf(true)).toBe(800);
});

test('full disk: an entry keeps the value it had before a write that failed', async (context) => {
  const disk = smallDisk(context);
  const storage = await open(join(disk.path, 'db'));
  const entry = { n: 1, id: 'm1', to: 'bob', bodyText: BODY };
  await storage.write([{ do: 'outbox.put', entry }], 'strict');
  disk.fill();
  const large = { ...entry, bodyText: JSON.stringify('y'.repeat(20_000)) };
  await expect(storage.write([{ do: 'outbox.put', entry: large }], 'strict')).rejects.toThrow();
  disk.free();
  await storage.write([{ do: 'owner.set', user: 'alice' }], 'strict');
  const copy = await open(disk.copy('db'));
  expect(await copy.load()).toMatchObject({ owner: 'alice', outbox: [entry] });
});

test('full disk: closed and loaded again, it begins anew with what it acknowledged', async (context) => {
  const disk = smallDisk(context);
  const storage = await open(join(disk.path, 'db'));
  const writer = new Writer(storage);
  await writer.write(5, 'strict');
  disk.fill();
  await writer.write(20, 'strict');
  await storage.close();
  disk.free();
  expect(await entries(storage)).toEqual(writer.acknowledged);
  await writer.write(20, 'strict');
  expect(await entries(await open(disk.copy('db')))).toEqual(writer.acknowledged);
});

test('full disk: a store that cannot be opened is opened when there is room', async (context) => {
  const disk = smallDisk(context);
  disk.fill();
  const storage = new LevelStorage(join(disk.path, 'db'));
  onTestFinished(() => storage.close());
  await expect(storage.load()).rejects.toThrow();
  disk.free();
  expect(await storage.load()).toEqual({ outbox: [], inbox: [], reads: [] });
});

test('full disk: reads wait for the repair, and go on after it', async (context) => {
  const disk = smallDisk(context);
  const storage = await open(join(disk.path, 'db'));
  await storage.write([{ do: 'seen.add', from: 'bob', id: 'a', seenAt: 1 }], 'strict');
  disk.fill();
  const writer = new Writer(storage);
  await writer.write(20, 'strict');
  disk.free();
  const writing = writer.write(5, 'strict');
  for (let i = 0; i < 50; i++) expect(await storage.seen([{ from: 'bob', id: 'a' }])).toEqual([true]);
  await writing;
});

test('a store that another process wrote to during a repair is trusted no more', async (context) => {
  const disk = smallDisk(context);
  const path = join(disk.path, 'db');
  const writer = new Writer(await open(path));
  await writer.write(5, 'strict');
  disk.fill();
  await writer.write(20, 'strict'); // the last of these closed the store, and could not open it
  disk.free();
  const other = await open(path);
  await expect(writer.storage.seen([])).rejects.toMatchObject({ cause: { code: 'LEVEL_LOCKED' } });
  await other.write([{ do: 'outbox.delete', n: 1 }], 'strict');
  await other.close();
  const write = writer.storage.write([{ do: 'owner.set', user: 'alice' }], 'strict');
  await expect(write).rejects.toThrow('another process has written');
  expect(await entries(writer.storage)).toEqual(writer.acknowledged.slice(1));
  await writer.storage.write([{ do: 'owner.set', user: 'alice' }], 'strict');
});

test('full disk: a client says so for each message, and goes on when there is room', async (context) => {
  const disk = smallDisk(context);
  const { client, errors, gateway } = setup({ storage: new LevelStorage(join(disk.path, 'db')) });
  await vi.waitUntil(() => gateway.connections.length > 0, PATIENCE);
  const connection = await comeOnline({ gateway });
  const send = async (id: string) => {
    const message = client.send('bob', 'x'.repeat(5_000), { id });
    const isWritten = () => connection.received.some((packet) => packet.type === 'msg:R' && packet.id === id);
    await vi.waitUntil(() => message.state === 'failed' || isWritten(), PATIENCE);
    return message;
  };
  await send('before');
  disk.fill();
  const refused = [await send('full1'), await send('full2')];
  expect(refused.map(({ state, reason }) => `${state} ${String(reason)}`)).toEqual(
    refused.map(() => 'failed storage'),
  );
  disk.free();
  await send('after');
  expect(connection.takeIds()).toEqual(['before', 'after']);
  expect(new Set(errors.map(({ code }) => code))).toEqual(new Set(['storage']));
  const { owner, outbox } = await (await open(disk.copy('db'))).load();
  expect([owner, outbox.map(({ id }) => id)]).toEqual(['alice', ['before', 'after']]);
});
