import { expect, test } from 'vitest';
import type { Delivery } from '#libs/broker/delivery.ts';
import type { EventPublisher } from '#libs/events/event-publisher.ts';
import type { Pending } from '#libs/runtime/group-commit.ts';
import type { Logger } from '#libs/runtime/logger.ts';
import type { Database, Statement } from '#libs/store/database.ts';
import { EventOutbox } from './event-outbox.ts';

/** An outbox with the events that are in its table, and publishes that the test settles. */
function setUp(...keys: string[]) {
  const rows = keys.map((key) => ({ key, type: 'session.up', fact: [key], fields: { at: 1 } }));
  const published: Pending[] = [];
  const failures: Error[] = [];
  const query = ({ name }: Statement, values: unknown[]): Promise<unknown[]> => {
    const failure = failures.shift();
    if (failure) return Promise.reject(failure);
    if (name === 'events-read') return Promise.resolve([...rows]);
    if (name === 'events-adopt') return Promise.resolve([1, 1]);
    const [gone] = values as [string[]];
    rows.splice(0, rows.length, ...rows.filter(({ key }) => !gone.includes(key)));
    return Promise.resolve([]);
  };
  const db = { query, recordEvents: () => undefined } as unknown as Database;
  const publish = (_type: string, _fact: string[], _fields: object, pending: Pending) =>
    published.push(pending);
  const events = { types: ['session.up'], publish } as unknown as EventPublisher;
  const outbox = new EventOutbox(db, events, { warn: () => undefined } as unknown as Logger);
  return { outbox, rows, published, failures };
}

function cause() {
  const settled: (Error | undefined)[] = [];
  const delivery = { hold: () => undefined, settled: (error?: Error) => settled.push(error) };
  return { settled, items: [{ delivery: delivery as unknown as Delivery }] };
}

const turns = () => new Promise((resolve) => setTimeout(resolve, 5));

/** Waits until something holds, for a second at most. */
async function until(holds: () => boolean): Promise<void> {
  for (let n = 0; n < 200 && !holds(); n++) await turns();
  expect(holds()).toBe(true);
}

test('a delivery is held until what it recorded is published and deleted', async () => {
  const { outbox, rows, published } = setUp('1', '2');
  const { settled, items } = cause();
  outbox.recorded();
  outbox.hold(items);
  await until(() => published.length === 2);
  published[0]?.settled();
  await turns();
  expect([settled, rows.length]).toEqual([[], 2]);
  published[1]?.settled();
  await until(() => published.length === 2 && settled.length === 1);
  expect([settled, rows]).toEqual([[undefined], []]);
});

test('nothing is held where nothing was recorded', () => {
  const { outbox } = setUp();
  const { settled, items } = cause();
  outbox.hold(items);
  expect(settled).toEqual([]);
  expect(outbox.owner).toHaveLength(36);
});

test('a failure of the database is tried again, and what waits goes on waiting', async () => {
  const { outbox, published, failures } = setUp('1');
  const { settled, items } = cause();
  failures.push(new Error('no connection'), new Error('no connection'));
  outbox.recorded();
  outbox.hold(items);
  await until(() => published.length === 1);
  expect(settled).toEqual([]);
  published[0]?.settled();
  await until(() => settled.length === 1);
  expect(settled).toEqual([undefined]);
});

test('a stop gives the deliveries back, and leaves the events to other instances', async () => {
  const { outbox, rows, published } = setUp('1');
  const { settled, items } = cause();
  outbox.recorded();
  outbox.hold(items);
  await until(() => published.length === 1);
  outbox.stop();
  published[0]?.settled(new Error('stopped'));
  await until(() => settled.length === 1);
  expect(settled).toEqual([expect.any(Error)]);
  expect(rows).toHaveLength(1);
});

test('what others left is looked for now and then', async () => {
  const { outbox, published } = setUp('left');
  await outbox.look(5_000);
  await until(() => published.length === 1);
  published[0]?.settled();
  await turns();
  await outbox.look(6_000);
  await turns();
  expect(published).toHaveLength(1);
});

test('published() waits for what is recorded by now; a stop ends the wait with an error', async () => {
  const { outbox, rows, published } = setUp('1');
  await outbox.published(); // nothing is recorded
  outbox.recorded();
  let done = false;
  const wait = outbox.published().then(() => (done = true));
  await until(() => published.length === 1);
  expect(done).toBe(false);
  published[0]?.settled();
  await wait;
  expect(rows).toEqual([]);
  outbox.stop();
  await expect(outbox.published()).rejects.toThrow('stopped');
});
