/* eslint-disable max-lines-per-function -- a suite of tests, to be read one by one */
import { describe, expect, test } from 'vitest';
import { describeAdditions } from './contract-additions.ts';
import { EMPTY, incoming, names, outgoing, put, seen, type StorageUnderTest } from './contract-records.ts';

/** What every {@link Storage} must do. Run it against a fresh, loaded storage. */
export function describeStorage(name: string, open: () => Promise<StorageUnderTest>): void {
  describe(`${name} as a storage`, () => {
    test('a new one is empty', async () => {
      const { reopen } = await open();
      expect(await (await reopen()).load()).toEqual(EMPTY);
    });

    test('keeps every field of what is put into it', async () => {
      const { storage, reopen } = await open();
      const full = outgoing(2, {
        seq: 0,
        deadlineAt: 5,
        deadlineMs: 4,
        acceptedAt: 6,
        ...{ thread: 'group:1', ttl: 7, read: true },
        to: 'a.b_c:d@e-f',
        bodyText: '"\\u0000\\ud800"',
      });
      const message = incoming(3, {
        seq: 7,
        thread: 'group:1',
        read: 'proof',
        to: ['carol'],
        own: true,
        body: [null, { 'a/b': 'ä\u0000' }],
      });
      await storage.write(
        [
          { do: 'owner.set', user: 'alice' },
          put(outgoing(1)),
          put(full),
          { do: 'inbox.put', entry: message },
        ],
        'strict',
      );
      const kept = { owner: 'alice', outbox: [outgoing(1), full], inbox: [message], reads: [] };
      expect(await (await reopen()).load()).toEqual(kept);
    });

    test('gives entries in the order of their numbers, whatever the order they came in', async () => {
      const { storage, reopen } = await open();
      const numbers = [1000, 9, 10, 1, 99];
      await storage.write(
        numbers.map((n) => put(outgoing(n))),
        'relaxed',
      );
      await storage.write(
        numbers.map((n) => ({ do: 'inbox.put', entry: incoming(n) })),
        'relaxed',
      );
      const { outbox, inbox } = await (await reopen()).load();
      expect(outbox.map(({ n }) => n)).toEqual([1, 9, 10, 99, 1000]);
      expect(inbox.map(({ n }) => n)).toEqual([1, 9, 10, 99, 1000]);
    });

    test('forgets what is deleted', async () => {
      const { storage, reopen } = await open();
      await storage.write([put(outgoing(1)), put(outgoing(2))], 'strict');
      await storage.write([{ do: 'inbox.put', entry: incoming(1) }], 'strict');
      await storage.write(
        [
          { do: 'outbox.delete', n: 1 },
          { do: 'inbox.delete', n: 1 },
        ],
        'strict',
      );
      expect(await (await reopen()).load()).toEqual({ ...EMPTY, outbox: [outgoing(2)] });
    });

    test('applies the changes of one write in their order', async () => {
      const { storage, reopen } = await open();
      await storage.write(
        [
          put(outgoing(1)),
          { do: 'outbox.delete', n: 1 },
          put(outgoing(2)),
          put(outgoing(2, { bodyText: '"new"' })),
        ],
        'strict',
      );
      expect((await (await reopen()).load()).outbox).toEqual([outgoing(2, { bodyText: '"new"' })]);
    });

    test('remembers that an entry was accepted, as long as the entry is there', async () => {
      const { storage, reopen } = await open();
      await storage.write([put(outgoing(1)), put(outgoing(2)), put(outgoing(3))], 'strict');
      await storage.write(
        [1, 2, 3].map((n) => ({ do: 'outbox.accepted', n, at: 77 })),
        'relaxed',
      );
      await storage.write([{ do: 'outbox.delete', n: 2 }], 'relaxed');
      // The same number in a later run is another message.
      await storage.write([put(outgoing(2)), put(outgoing(3))], 'strict');
      const { outbox } = await (await reopen()).load();
      expect(outbox).toEqual([outgoing(1, { acceptedAt: 77 }), outgoing(2), outgoing(3)]);
    });

    test('knows what was seen, by sender and id', async () => {
      const { storage, reopen } = await open();
      await storage.write([seen('a', 1), seen('b', 2), seen('a', 3, 'carol')], 'strict');
      const asked = [...names('a', 'c', 'b'), { from: 'carol', id: 'a' }, { from: 'carol', id: 'b' }];
      const expected = [true, false, true, true, false];
      expect(await storage.seen(asked)).toEqual(expected);
      const again = await reopen();
      await again.load();
      expect(await again.seen(asked)).toEqual(expected);
      expect(await again.seen([])).toEqual([]);
    });

    test('trims what is neither among the last nor young enough', async () => {
      const { storage, reopen } = await open();
      await storage.write(
        [1, 2, 3, 4, 5].map((n) => seen(`m${n}`, n * 100)),
        'strict',
      );
      await storage.trimSeen({ count: 2, since: 250 });
      expect(await storage.seen(names('m1', 'm2', 'm3', 'm4', 'm5'))).toEqual([
        false,
        false,
        true,
        true,
        true,
      ]);
      await storage.trimSeen({ count: 2, since: 10_000 });
      expect(await storage.seen(names('m3', 'm4', 'm5'))).toEqual([false, true, true]);
      const again = await reopen();
      await again.load();
      await again.write([seen('m6', 600)], 'strict');
      await again.trimSeen({ count: 2, since: 10_000 });
      expect(await again.seen(names('m4', 'm5', 'm6'))).toEqual([false, true, true]);
      await again.trimSeen({ count: 10, since: 10_000 });
      expect(await again.seen(names('m5', 'm6'))).toEqual([true, true]);
    });

    test('what says it was seen in the future counts as seen now, and holds up nothing', async () => {
      const { storage } = await open();
      const year = 365 * 24 * 60 * 60 * 1000;
      await storage.write([seen('a', 50 * year), seen('b', 100), seen('c', 300), seen('d', 400)], 'strict');
      await storage.trimSeen({ count: 1, since: 200, now: 400 });
      expect(await storage.seen(names('a', 'b', 'c', 'd'))).toEqual([true, false, true, true]);
      await storage.trimSeen({ count: 1, since: 350, now: 450 }); // c is behind a, which counts as of 400
      expect(await storage.seen(names('a', 'c', 'd'))).toEqual([true, true, true]);
      await storage.trimSeen({ count: 1, since: 401, now: 501 });
      expect(await storage.seen(names('a', 'c', 'd'))).toEqual([false, false, true]);
    });

    test('a name added again keeps its place', async () => {
      const { storage } = await open();
      await storage.write([seen('a', 1), seen('a', 1), seen('b', 2)], 'strict');
      await storage.write([seen('a', 3), seen('c', 4)], 'strict');
      await storage.trimSeen({ count: 2, since: 10_000 });
      expect(await storage.seen(names('a', 'b', 'c'))).toEqual([false, true, true]);
    });

    test('trims many at a time', async () => {
      const { storage } = await open();
      const ids = Array.from({ length: 2500 }, (_, index) => `m${index}`);
      await storage.write(
        ids.map((id, index) => seen(id, index)),
        'relaxed',
      );
      await storage.trimSeen({ count: 100, since: 10_000 });
      const left = await storage.seen(names(...ids));
      expect(left.indexOf(true)).toBe(2400);
      expect(left.filter(Boolean).length).toBe(100);
    });

    describeAdditions(open);
  });
}
