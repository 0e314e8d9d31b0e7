/* eslint-disable max-lines-per-function -- a suite of tests, to be read one by one */
import { expect, test } from 'vitest';
import type { Change, StoredOutgoing, StoredReceipt } from '../storage.ts';
import { EMPTY, incoming, names, outgoing, put, seen, type StorageUnderTest } from './contract-records.ts';

/** The part of the contract for lists, read receipts and signing out. */
export function describeAdditions(open: () => Promise<StorageUnderTest>): void {
  test('keeps a list of receivers, and the newest receipt of each', async () => {
    const { storage, reopen } = await open();
    const receipt = (n: number, to: string, state: StoredReceipt['state'], at: number): Change => ({
      ...{ do: 'outbox.receipt', n },
      receipt: { to, state, at, ...(state === 'rejected' && { reason: 'expired' }) },
    });
    const to = ['bob', 'carol', 'dave'];
    const kept = [{ to: 'dave', state: 'stored' as const, at: 5 }];
    await storage.write(
      [put(outgoing(1, { to })), put(outgoing(2, { to })), put(outgoing(4, { to, receipts: kept }))],
      'strict',
    );
    await storage.write(
      [
        receipt(1, 'bob', 'stored', 1),
        receipt(2, 'bob', 'stored', 1),
        { do: 'outbox.accepted', n: 1, at: 2 },
        receipt(1, 'bob', 'delivered', 3),
        receipt(1, 'carol', 'rejected', 4),
        receipt(3, 'bob', 'stored', 1), // there is no such entry
        receipt(4, 'dave', 'read', 6),
      ],
      'relaxed',
    );
    const again = await reopen();
    const { outbox } = await again.load();
    expect(outbox).toMatchObject([{ n: 1, to, acceptedAt: 2 }, { n: 2 }, { n: 4 }]);
    const byReceiver = ({ receipts = [] }: StoredOutgoing) =>
      [...receipts].sort((a, b) => (a.to < b.to ? -1 : 1));
    expect(outbox.map(byReceiver)).toEqual([
      [
        { to: 'bob', state: 'delivered', at: 3 },
        { to: 'carol', state: 'rejected', at: 4, reason: 'expired' },
      ],
      [{ to: 'bob', state: 'stored', at: 1 }],
      [{ to: 'dave', state: 'read', at: 6 }],
    ]);
    // The same number in a later run is another message.
    await again.write([{ do: 'outbox.delete', n: 1 }, put(outgoing(2)), put(outgoing(3))], 'strict');
    await again.write([put(outgoing(1))], 'strict');
    await again.close();
    const last = await (await reopen()).load();
    expect(last.outbox.map(byReceiver)).toEqual([[], [], [], [{ to: 'dave', state: 'read', at: 6 }]]);
  });

  test('keeps the marks of messages that the user has seen, until they are deleted', async () => {
    const { storage, reopen } = await open();
    const mark = (id: string, read: string) => ({ from: 'bob', id, read });
    await storage.write(
      [mark('m1', 'p1'), mark('m2', 'p2'), mark('m3', 'p3'), mark('m2', 'new')].map((item) => ({
        ...{ do: 'read.put', item },
      })),
      'relaxed',
    );
    await storage.write([{ do: 'read.delete', from: 'bob', id: 'm1' }], 'relaxed');
    await storage.write([{ do: 'read.delete', from: 'carol', id: 'm2' }], 'relaxed');
    const { reads = [] } = await (await reopen()).load();
    const sorted = [...reads].sort((a, b) => (a.id < b.id ? -1 : 1));
    expect(sorted).toEqual([mark('m2', 'new'), mark('m3', 'p3')]);
  });

  test('is empty once it is cleared, and can be used again', async () => {
    const { storage, reopen } = await open();
    const item = { from: 'bob', id: 'm1', read: 'p' };
    await storage.write(
      [
        { do: 'owner.set', user: 'alice' },
        ...[put(outgoing(1)), put(outgoing(2))],
        { do: 'outbox.accepted', n: 1, at: 7 },
        { do: 'outbox.receipt', n: 1, receipt: { to: 'bob', state: 'stored', at: 1 } },
        { do: 'inbox.put', entry: incoming(1) },
        { do: 'read.put', item },
        ...[seen('a', 1), seen('b', 2)],
      ],
      'strict',
    );
    await storage.write([put(outgoing(3)), { do: 'clear' }, put(outgoing(1)), seen('b', 3)], 'strict');
    const again = await reopen();
    expect(await again.load()).toEqual({ ...EMPTY, outbox: [outgoing(1)] });
    expect(await again.seen(names('a', 'b'))).toEqual([false, true]);
    await again.write([seen('c', 4)], 'strict');
    await again.trimSeen({ count: 1, since: 10_000 });
    expect(await again.seen(names('b', 'c'))).toEqual([false, true]);
  });
}
