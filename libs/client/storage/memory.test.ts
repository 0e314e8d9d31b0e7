import { expect, test } from 'vitest';
import { describeStorage } from './contract.ts';
import { MemoryStorage } from './memory.ts';

describeStorage('MemoryStorage', async () => {
  const storage = new MemoryStorage();
  await storage.load();
  return {
    storage,
    reopen: async () => {
      await storage.close();
      return storage;
    },
  };
});

test('a clone has the state of its moment, and its own from then on', async () => {
  const storage = new MemoryStorage();
  await storage.write([{ do: 'seen.add', from: 'bob', id: 'a', seenAt: 1 }]);
  const clone = storage.clone();
  await storage.write([{ do: 'seen.add', from: 'bob', id: 'b', seenAt: 1 }]);
  expect(
    await clone.seen([
      { from: 'bob', id: 'a' },
      { from: 'bob', id: 'b' },
    ]),
  ).toEqual([true, false]);
});

test('keeps no more seen names than it is allowed to', async () => {
  const storage = new MemoryStorage({ maxSeen: 3 });
  const ids = ['a', 'b', 'c', 'd', 'e'];
  await storage.write(ids.map((id) => ({ do: 'seen.add', from: 'bob', id, seenAt: 1 })));
  await storage.trimSeen({ count: 10, since: 0 });
  const seen = await storage.seen(ids.map((id) => ({ from: 'bob', id })));
  expect(seen).toEqual([false, false, true, true, true]);
});
