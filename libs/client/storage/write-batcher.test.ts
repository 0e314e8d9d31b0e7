import { expect, test } from 'vitest';
import { WriteBatcher } from './write-batcher.ts';
import type { Change, Durability } from '../storage.ts';
import { MemoryStorage } from './memory.ts';
import { settle } from '../testing/manual-clock.ts';

const unexpected = () => expect.unreachable();
const change = (n: number): Change => ({ do: 'outbox.delete', n });

/** Takes each write, and finishes it when the test says so. */
class SlowStorage extends MemoryStorage {
  readonly writes: { ns: number[]; durability: Durability; end: (error?: Error) => void }[] = [];

  override write(changes: readonly Change[], durability: Durability = 'relaxed'): Promise<void> {
    return new Promise((resolve, reject) => {
      const end = (error?: Error) => (error ? reject(error) : resolve());
      this.writes.push({ ns: changes.map((item) => ('n' in item ? item.n : -1)), durability, end });
    });
  }
}

test('what comes during a write goes as one, strict if any of it is', async () => {
  const storage = new SlowStorage();
  const writes = new WriteBatcher(storage, unexpected);
  const done: number[] = [];
  for (const n of [1, 2]) writes.write([change(n)], 'relaxed', () => done.push(n));
  await settle();
  expect(storage.writes.map(({ ns, durability }) => ({ ns, durability }))).toEqual([
    { ns: [1, 2], durability: 'relaxed' },
  ]);
  writes.write([change(3)], 'relaxed', () => done.push(3));
  writes.write([change(4), change(5)], 'strict', () => done.push(4));
  writes.write([change(6)], 'relaxed', () => done.push(6));
  await settle();
  expect(storage.writes.length).toBe(1);
  expect(done).toEqual([]);
  storage.writes[0]?.end();
  await settle();
  expect(done).toEqual([1, 2]);
  expect(storage.writes[1]).toMatchObject({ ns: [3, 4, 5, 6], durability: 'strict' });
  storage.writes[1]?.end();
  await settle();
  expect(done).toEqual([1, 2, 3, 4, 6]);
});

test('a failed write is reported once and told to those it concerns, and the next is tried', async () => {
  const storage = new SlowStorage();
  const reported: unknown[] = [];
  const writes = new WriteBatcher(storage, (error) => reported.push(error.cause));
  const cause = new Error('disk full');
  const told: unknown[] = [];
  writes.write([change(1)], 'strict', (ok) => told.push(ok));
  writes.write([change(3)], 'relaxed', (ok) => told.push(ok));
  await settle();
  writes.write([change(2)], 'strict', (ok) => told.push(ok));
  storage.writes[0]?.end(cause);
  await settle();
  storage.writes[1]?.end();
  await settle();
  expect(told).toEqual([false, false, true]);
  expect(reported).toEqual([cause]);
});

test('close waits for what was given, and for what that gives; later changes are not written', async () => {
  const storage = new SlowStorage();
  const writes = new WriteBatcher(storage, unexpected);
  writes.write([change(1)], 'strict', () => writes.write([change(2)], 'strict'));
  let closed = false;
  const closing = writes.close().then(() => (closed = true));
  await settle();
  storage.writes[0]?.end();
  await settle();
  expect(closed).toBe(false);
  storage.writes[1]?.end();
  await closing;
  writes.write([change(3)], 'strict', () => expect.unreachable());
  await settle();
  expect(storage.writes.length).toBe(2);
});
