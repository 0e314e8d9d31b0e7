import { describe, expect, test } from 'vitest';
import type { IncomingMessage } from './incoming/message.ts';
import { MemoryStorage } from './storage/memory.ts';
import { settle } from './testing/manual-clock.ts';
import { comeOnline, nextConnection, online, setup, type TestSetup } from './testing/setup.ts';

/** PROTOCOL, sync: a mailbox for each device. */

const SYNCED = { sync: true as const, limits: { maxReceivers: 100 } };
const LOGOUT = { type: 'logout:A' };

const sync = (options: Parameters<typeof online>[0] = {}) => online({ sync: true, ...options }, SYNCED);

describe('a synced device', () => {
  test('says so at login, and is told when the server cannot', async () => {
    const { client, errors, clock, connection, gateway } = await sync();
    expect(client.status).toMatchObject({ state: 'online', session: { sync: true } });
    expect(errors).toEqual([]);
    await connection.close(1006);
    await nextConnection({ gateway, clock });
    await settle();
    await gateway.last.open();
    expect(await gateway.last.login()).toMatchObject({ sync: true });
    expect(errors).toMatchObject([{ code: 'sync' }]);
    expect(client.status.state).toBe('online');
  });

  test('others do not mention it', async () => {
    const made = setup();
    await settle();
    await made.gateway.last.open();
    expect(await made.gateway.last.login()).toEqual({ type: 'login:R', token: 'token', device: 'default' });
  });

  test('gets what other devices sent, marked as its own, live and from the mailbox, once', async () => {
    const { client, clock, connection } = await sync();
    const got: IncomingMessage[] = [];
    client.onMessage((message) => got.push(message));
    const mine = client.send('bob', 1, { id: 'm1' });
    await settle();
    connection.takeIds();
    const copy = { id: 'm1', from: 'alice', to: ['bob', 'carol'], body: 'hi', at: 3 }; // the id of another device
    await connection.send({ type: 'msg:N', ...copy });
    expect(connection.take('ack:R')).toEqual({ type: 'ack:R', id: 'm1', from: 'alice' });
    await connection.send({ type: 'ack:A', id: 'm1', from: 'alice' });
    await connection.mailbox({ more: true });
    connection.take('offline:R');
    await connection.mailbox({
      messages: [
        { key: 'k1', ...copy },
        { key: 'k2', ...copy, id: 'm2', to: 'bob' },
      ],
    });
    await clock.advance(400);
    expect(connection.takeAll('offline:A').flatMap(({ keys }) => keys)).toEqual(['k1', 'k2']);
    expect(got).toEqual([
      { ...copy, own: true },
      { ...copy, id: 'm2', to: 'bob', own: true },
    ]);
    expect(mine.state).toBe('sending');
    await connection.send({ type: 'msg:A', id: 'm1', at: 4 });
    expect(mine.state).toBe('sent');
  });

  test('an own message that was not handled comes again in the next run as such', async () => {
    const storage = new MemoryStorage();
    const first = await sync({ storage });
    first.client.onMessage(() => new Promise(() => undefined));
    await first.connection.send({ type: 'msg:N', id: 'm1', from: 'alice', to: 'bob', body: 1, at: 3 });
    const next = await sync({ storage: storage.clone() });
    const got: IncomingMessage[] = [];
    next.client.onMessage((message) => got.push(message));
    expect(got).toEqual([{ id: 'm1', from: 'alice', to: 'bob', own: true, again: true, body: 1, at: 3 }]);
  });

  test('gets receipts for what other devices sent, stored ones, too', async () => {
    const { client, connection } = await sync();
    const told: string[] = [];
    client.onReceipt(({ id, to, state }) => told.push(`${id} ${to} ${state}`));
    const receipt = (state: string, n: number) => ({ key: `k${n}`, id: 'x1', to: 'bob', state, at: 2 });
    await connection.mailbox({ more: true });
    connection.take('offline:R');
    await connection.mailbox({ receipts: ['stored', 'delivered', 'stored', 'read'].map(receipt) });
    expect(told).toEqual(['x1 bob stored', 'x1 bob delivered', 'x1 bob read']);
    expect(connection.take('offline:A').keys.length).toBe(4);
  });
});

describe('onMissed', () => {
  const missed = (key: string, count: number) => ({ missed: { key, count } });

  /** The keys that were confirmed. */
  async function confirmed({ connection, clock }: Awaited<ReturnType<typeof sync>>): Promise<string[]> {
    await clock.advance(400);
    return connection.takeAll('offline:A').flatMap(({ keys }) => keys);
  }

  test('tells the count, and confirms it once the application knows', async () => {
    const made = await sync();
    let handled: () => void = () => undefined;
    const counts: number[] = [];
    made.client.onMissed(({ count }) => {
      counts.push(count);
      return new Promise<void>((resolve) => (handled = resolve));
    });
    await made.connection.mailbox(missed('a', 3));
    await made.connection.mailbox(missed('a', 3)); // not confirmed yet
    expect(await confirmed(made)).toEqual([]);
    handled();
    expect(await confirmed(made)).toEqual(['a']);
    await made.connection.mailbox(missed('a', 3)); // the confirmation was lost
    expect(await confirmed(made)).toEqual(['a']);
    expect(counts).toEqual([3]);
    await made.connection.mailbox(missed('b', 1));
    handled();
    expect(await confirmed(made)).toEqual(['b']);
    expect(counts).toEqual([3, 1]);
  });

  test('without a handler it waits for one; a handler that fails is told again', async () => {
    const made = await sync();
    await made.connection.mailbox(missed('a', 3));
    expect(await confirmed(made)).toEqual([]);
    let fail = true;
    const counts: number[] = [];
    const end = made.client.onMissed(({ count }) => {
      counts.push(count);
      if (fail) throw new Error('boom');
    });
    expect(() => made.client.onMissed(() => undefined)).toThrow();
    expect(await confirmed(made)).toEqual([]);
    expect(made.errors).toMatchObject([{ code: 'handler' }]);
    fail = false;
    await made.connection.mailbox(missed('a', 3));
    expect(await confirmed(made)).toEqual(['a']);
    expect(counts).toEqual([3, 3]);
    end();
  });
});

describe('signOut', () => {
  const seenOf = (storage: TestSetup['storage']) => storage.seen([{ from: 'bob', id: 'm1' }]);

  test('waits for what is under way, tells the server, clears the storage, and does not come back', async () => {
    const { client, clock, connection, gateway, storage } = await sync();
    client.onMessage(() => undefined);
    await connection.send({ type: 'msg:N', id: 'm1', from: 'bob', body: 1, at: 3, read: 'p' });
    await connection.send({ type: 'ack:A', id: 'm1', from: 'bob' });
    const message = client.send('bob', 1, { id: 'm2' });
    expect(await seenOf(storage)).toEqual([true]);
    let over = false;
    const done = client.signOut().then(() => (over = true));
    await clock.advance(1_000);
    expect(connection.takeAll('logout:R')).toEqual([]);
    await connection.send({ type: 'msg:A', id: 'm2', at: 4 });
    expect(connection.take('logout:R')).toEqual({ type: 'logout:R' });
    expect(over).toBe(false);
    await connection.send(LOGOUT);
    await connection.close(1000);
    await done;
    expect(message.state).toBe('sent');
    expect(client.status).toMatchObject({ state: 'closed', reason: 'signed_out' });
    expect(await storage.load()).toEqual({ outbox: [], inbox: [], reads: [] });
    expect(await seenOf(storage)).toEqual([false]);
    client.reconnect();
    await clock.advance(100_000);
    expect(gateway.connections.length).toBe(1);
    expect(() => client.send('bob', 1)).toThrow('closed');
  });

  test('asks again until it is answered, also on the next connection', async () => {
    const made = await sync();
    const done = made.client.signOut();
    await settle();
    expect(made.connection.takeAll('logout:R').length).toBe(1);
    await made.clock.advance(5_000);
    expect(made.connection.takeAll('logout:R').length).toBe(1);
    await made.connection.close(1006);
    await nextConnection(made);
    await settle();
    const { last } = made.gateway;
    await last.open();
    await last.login({ ...SYNCED, mailbox: false });
    expect(last.received.map(({ type }) => type)).toEqual(['logout:R']);
    await last.send(LOGOUT);
    await done;
  });

  test('gives up what was not accepted in time', async () => {
    const { client, clock, connection, storage } = await sync();
    const message = client.send('bob', 1);
    const failed = expect(message.settled()).rejects.toThrow();
    const done = client.signOut({ flushMs: 500 });
    await clock.advance(500);
    await connection.send(LOGOUT);
    await done;
    await failed;
    expect(message).toMatchObject({ state: 'failed', reason: 'signed_out' });
    expect((await storage.load()).outbox).toEqual([]);
  });

  test('of a device that is not synced only ends the client and clears the storage', async () => {
    const { client, connection, storage } = await online();
    await client.signOut();
    expect(connection.takeAll('logout:R')).toEqual([]);
    expect(connection.closedByClient).toBe(1000);
    expect(await storage.load()).toEqual({ outbox: [], inbox: [], reads: [] });
  });

  test('by an operator: the client stays away, and its storage stays until signOut()', async () => {
    const { client, clock, connection, gateway, storage } = await sync();
    client.onMessage(() => undefined);
    await connection.send({ type: 'msg:N', id: 'm1', from: 'bob', body: 1, at: 3 });
    await connection.send(LOGOUT);
    await connection.close(1000);
    await clock.advance(100_000);
    expect(client.status).toEqual({ state: 'closed', reason: 'signed_out' });
    expect(gateway.connections.length).toBe(1);
    expect(await seenOf(storage)).toEqual([true]);
    await client.signOut();
    expect(await seenOf(storage)).toEqual([false]);
  });

  test('leaves the storage of another user alone', async () => {
    const storage = new MemoryStorage();
    await storage.write([{ do: 'owner.set', user: 'bob' }]);
    const { client } = setup({ storage, user: 'alice' });
    await expect(client.signOut()).rejects.toMatchObject({ code: 'closed' });
    expect(await storage.load()).toMatchObject({ owner: 'bob' });
    const closed = setup();
    await closed.client.close({ flushMs: 0 });
    await expect(closed.client.signOut()).rejects.toMatchObject({ code: 'closed' });
  });
});

describe('a session that the server ends', () => {
  test('revoked: final, with a typed error', async () => {
    const { client, connection, errors } = await sync({ token: () => 'token' });
    await connection.send({ type: 'bye', reason: 'revoked' });
    expect(client.status).toEqual({ state: 'closed', code: 4403, reason: 'revoked' });
    expect(errors).toMatchObject([{ code: 'server', serverCode: 'revoked' }]);
  });

  test('too_many_devices: final, with a typed error', async () => {
    const made = setup({ sync: true, token: () => 'token' });
    await settle();
    await made.gateway.last.open();
    const re = { type: 'login:R' };
    await made.gateway.last.send({ type: 'error', code: 'too_many_devices', message: 'ten', re });
    await made.gateway.last.close(4403, 'too_many_devices');
    await made.clock.advance(100_000);
    expect(made.client.status).toEqual({ state: 'closed', code: 4403, reason: 'too_many_devices' });
    expect(made.errors).toMatchObject([{ code: 'server', serverCode: 'too_many_devices' }]);
    expect(made.gateway.connections.length).toBe(1);
    made.client.reconnect();
    await comeOnline(made, SYNCED);
    expect(made.client.status.state).toBe('online');
  });
});
