import { describe, expect, test } from 'vitest';
import { MemoryStorage } from '../storage/memory.ts';
import { settle } from '../testing/manual-clock.ts';
import { comeOnline, nextConnection, online, setup } from '../testing/setup.ts';
import type { IncomingMessage } from './message.ts';

/** PROTOCOL, read: the receiver has seen it. */

const KNOWS_READ = { limits: { maxReceivers: 100 } };
const item = (id: string) => ({ from: 'bob', id, read: `proof-${id}` });
const readA = (...ids: string[]) => ({ type: 'read:A', items: ids.map((id) => ({ from: 'bob', id })) });
const ids = (packets: { items: { id: string }[] }[]) => packets.map(({ items }) => items.map(({ id }) => id));

describe('markRead', () => {
  test('sends the proof that came with the message, and forgets it when the server has it', async () => {
    const { client, clock, connection, storage } = await online({}, KNOWS_READ);
    const messages: IncomingMessage[] = [];
    client.onMessage((message) => messages.push(message));
    const asks = { type: 'msg:N', id: 'm1', from: 'bob', body: 1, at: 1, read: 'proof-m1', thread: 'group' };
    await connection.send(asks, { ...asks, id: 'm2', read: undefined });
    expect(messages).toMatchObject([{ id: 'm1', read: 'proof-m1', thread: 'group' }, { id: 'm2' }]);
    client.markRead(...messages);
    await clock.advance(50);
    expect(connection.take('read:R')).toEqual({ type: 'read:R', items: [item('m1')] });
    expect((await storage.load()).reads).toEqual([item('m1')]);
    await connection.send(readA('m1'));
    expect((await storage.load()).reads).toEqual([]);
    await clock.advance(100_000);
    expect(connection.takeAll('read:R')).toEqual([]);
  });

  test('up to 100 go as one packet, one packet at a time', async () => {
    const { client, clock, connection } = await online({}, KNOWS_READ);
    const all = Array.from({ length: 150 }, (_, n) => `m${n}`);
    for (const id of all) client.markRead(item(id));
    await clock.advance(50);
    expect(ids(connection.takeAll('read:R'))).toEqual([all.slice(0, 100)]);
    await connection.send(readA(...all.slice(0, 100)));
    expect(ids(connection.takeAll('read:R'))).toEqual([all.slice(100)]);
  });

  test('is repeated until it is answered: after a while, on the next connection, in the next run', async () => {
    const storage = new MemoryStorage();
    const made = await online({ storage }, KNOWS_READ);
    made.client.markRead(item('m1'));
    await made.clock.advance(50);
    const unavailable = { type: 'error', code: 'unavailable', message: '', re: { type: 'read:R' } };
    await made.connection.send(unavailable);
    await made.clock.advance(6_300);
    expect(ids(made.connection.takeAll('read:R'))).toEqual([['m1'], ['m1']]);
    await made.connection.close(1006);
    await nextConnection(made);
    expect(ids((await comeOnline(made, KNOWS_READ)).takeAll('read:R'))).toEqual([['m1']]);
    const next = setup({ storage: storage.clone() });
    const connection = await comeOnline(next, KNOWS_READ);
    expect(ids(connection.takeAll('read:R'))).toEqual([['m1']]);
    await connection.send(readA('m1'));
    expect((await next.storage.load()).reads).toEqual([]);
  });

  test('before the storage is loaded and without a session it waits', async () => {
    const made = setup();
    made.client.markRead(item('m1'));
    await settle();
    expect((await made.storage.load()).reads).toEqual([item('m1')]);
    const connection = await comeOnline(made, KNOWS_READ);
    expect(ids(connection.takeAll('read:R'))).toEqual([['m1']]);
  });

  test('is not sent to a server that does not know it, nor again to one that refuses it', async () => {
    const { client, clock, connection } = await online();
    client.markRead(item('m1'));
    await clock.advance(100_000);
    expect(connection.takeAll('read:R')).toEqual([]);
    const other = await online({}, KNOWS_READ);
    other.client.markRead(item('m1'));
    await other.clock.advance(50);
    await other.connection.send({ type: 'error', code: 'bad_packet', message: '', re: { type: 'read:R' } });
    await other.clock.advance(100_000);
    expect(other.connection.takeAll('read:R').length).toBe(1);
  });

  test('a storage of an earlier version, which knows no marks, is read', async () => {
    const storage = new MemoryStorage();
    const load = storage.load.bind(storage);
    storage.load = async () => {
      const { outbox, inbox } = await load();
      return { outbox, inbox };
    };
    const { client, clock, connection, errors } = await online({ storage }, KNOWS_READ);
    client.markRead(item('m1'));
    await clock.advance(50);
    expect(ids(connection.takeAll('read:R'))).toEqual([['m1']]);
    expect(errors).toEqual([]);
  });

  test('takes only what came from onMessage', async () => {
    const { client } = await online();
    expect(() => client.markRead({ from: 'a b', id: 'm1', read: 'x' })).toThrow(TypeError);
  });

  test('close() waits for the answer', async () => {
    const { client, clock, connection } = await online({}, KNOWS_READ);
    client.markRead(item('m1'));
    let closed = false;
    const closing = client.close().then(() => (closed = true));
    await clock.advance(50);
    expect(closed).toBe(false);
    await connection.send(readA('m1'));
    await closing;
    expect(connection.closedByClient).toBe(1000);
  });
});

describe('the sender', () => {
  const receipt = (state: string, id = 'm1') => ({ key: `${id}-${state}`, id, to: 'bob', state, at: 2 });

  test('learns it in the state of its message', async () => {
    const { client, connection } = await online();
    const message = client.send('bob', 1, { id: 'm1', read: true });
    await settle();
    await connection.send({ type: 'msg:A', id: 'm1', at: 1 }, { type: 'ack:N', ...receipt('delivered') });
    expect(await message.settled()).toBe('delivered');
    await connection.mailbox({ more: true });
    connection.take('offline:R');
    await connection.mailbox({ receipts: [receipt('read')] });
    expect(await message.reached('read')).toBe('read');
    await connection.mailbox({ receipts: [receipt('delivered')] });
    expect(message.state).toBe('read');
  });

  test('gets no step back in its receipt handler, and no repetition', async () => {
    const { client, connection } = await online();
    const told: string[] = [];
    client.onReceipt(({ id, state }) => told.push(`${id} ${state}`));
    await connection.mailbox({ more: true });
    connection.take('offline:R');
    const order = ['stored', 'delivered', 'delivered', 'read', 'delivered', 'rejected'];
    for (const state of order) await connection.mailbox({ receipts: [receipt(state)] });
    for (const state of ['rejected', 'read', 'delivered'])
      await connection.mailbox({ receipts: [receipt(state, 'm2')] });
    expect(told).toEqual(['m1 delivered', 'm1 read', 'm2 rejected']);
  });
});
