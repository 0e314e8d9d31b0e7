import { describe, expect, test } from 'vitest';
import type { ServerPacket } from '../../protocol/packets.ts';
import { MemoryStorage } from '../storage/memory.ts';
import { settle } from '../testing/manual-clock.ts';
import { comeOnline, online, setup } from '../testing/setup.ts';
import type { OutgoingMessage } from './outgoing-message.ts';

/** PROTOCOL, new fields of msg:R: one packet for several receivers, each with a fate of its own. */

const LISTS = { limits: { maxReceivers: 100 } };
const msgA = (id = 'm1') => ({ type: 'msg:A', id, at: 1_800_000_000_000 }) as const;
const ackN = (to: string, state: string, reason?: string) => ({
  ...{ type: 'ack:N', id: 'm1', to, state, at: 2 },
  ...(reason !== undefined && { reason }),
});
const refusal = (code: string, to?: string[]): ServerPacket => ({
  ...{ type: 'error', code, message: '' },
  re: { type: 'msg:R', id: 'm1', to },
});
const states = ({ receivers }: OutgoingMessage) => receivers.map(({ to, state }) => `${to} ${state}`);

describe('a message for several', () => {
  test('is one packet; its state is that of the receiver that is least advanced', async () => {
    const { client, connection } = await online({}, LISTS);
    const to = ['bob', 'carol', 'dave'];
    const message = client.send(to, 'hi', { id: 'm1', seq: 4 });
    to.push('eve'); // comes too late
    const seen: string[] = [];
    message.onState(({ state }) => seen.push(state));
    await settle();
    expect(connection.take('msg:R')).toEqual({
      ...{ type: 'msg:R', id: 'm1', to: ['bob', 'carol', 'dave'], body: 'hi', seq: 4 },
    });
    await connection.send(msgA());
    expect(await message.accepted()).toBe('sent');
    await connection.send(ackN('carol', 'delivered'), ackN('bob', 'stored'), ackN('eve', 'delivered'));
    expect(states(message)).toEqual(['bob stored', 'carol delivered', 'dave sent']);
    await connection.send(ackN('dave', 'delivered'));
    expect(message.state).toBe('stored');
    expect(await message.reached('stored')).toBe('stored');
    await connection.mailbox({ more: true });
    connection.take('offline:R');
    await connection.mailbox({ receipts: [{ key: 'k1', ...ackN('bob', 'delivered') }] });
    expect(await message.settled()).toBe('delivered');
    expect(seen).toEqual(['sent', 'sent', 'sent', 'stored', 'delivered']);
    expect(client.outbox()).toEqual([]);
  });

  test('is rejected when nothing more is to come, and one was', async () => {
    const { client, connection } = await online({}, LISTS);
    const message = client.send(['bob', 'carol'], 'hi', { id: 'm1' });
    await settle();
    await connection.send(msgA(), ackN('bob', 'rejected', 'mailbox_full'));
    expect(message).toMatchObject({ state: 'sent', reason: undefined });
    await connection.send(ackN('carol', 'delivered'));
    expect(await message.settled()).toBe('rejected');
    expect(message.reason).toBe('mailbox_full');
    expect(message.receivers).toMatchObject([
      { to: 'bob', state: 'rejected', reason: 'mailbox_full', receiptAt: 2 },
      { to: 'carol', state: 'delivered', reason: undefined },
    ]);
  });

  test('goes again only to those that have no receipt', async () => {
    const { client, clock, connection } = await online({}, LISTS);
    client.send(['bob', 'carol', 'dave'], 'hi', { id: 'm1' });
    await settle();
    connection.take('msg:R');
    await connection.send(msgA(), ackN('carol', 'delivered'));
    await clock.advance(6_300);
    expect(connection.take('msg:R')).toMatchObject({ id: 'm1', to: ['bob', 'dave'], body: 'hi' });
    await connection.send(msgA(), ackN('dave', 'stored'));
    await clock.advance(15_000);
    expect(connection.take('msg:R')).toMatchObject({ id: 'm1', to: ['bob'] });
    await connection.send(msgA(), ackN('bob', 'rejected', 'expired'));
    await clock.advance(100_000);
    expect(connection.takeIds()).toEqual([]);
  });

  test('that was refused for now goes again as it was', async () => {
    const { client, clock, connection } = await online({}, LISTS);
    const message = client.send(['bob', 'carol'], 'hi', { id: 'm1' });
    await settle();
    connection.take('msg:R');
    await connection.send(ackN('bob', 'delivered'), refusal('unavailable')); // some may have been accepted
    expect(message.state).toBe('sending');
    await clock.advance(200);
    expect(connection.take('msg:R')).toMatchObject({ to: ['carol'] });
    await connection.send(msgA());
    expect(states(message)).toEqual(['bob delivered', 'carol sent']);
  });

  test('that the sender may not write to: it fails as a whole, and says who it was', async () => {
    const { client, connection } = await online({}, LISTS);
    const message = client.send(['bob', 'carol'], 'hi', { id: 'm1' });
    await settle();
    connection.take('msg:R');
    await connection.send(refusal('forbidden', ['carol']));
    await expect(message.settled()).rejects.toMatchObject({ reason: 'forbidden' });
    expect(message.receivers).toEqual([
      { to: 'bob', state: 'failed', reason: undefined },
      { to: 'carol', state: 'failed', reason: 'forbidden' },
    ]);
    expect(message.retry()).toBe(true);
    await settle();
    expect(connection.take('msg:R')).toMatchObject({ to: ['bob', 'carol'] });
  });

  test('outlives the program with its receipts', async () => {
    const storage = new MemoryStorage();
    const first = await online({ storage }, LISTS);
    first.client.send(['bob', 'carol', 'dave'], 'hi', { id: 'm1' });
    await settle();
    await first.connection.send(msgA(), ackN('carol', 'stored'), ackN('carol', 'delivered'));
    await first.connection.send(ackN('dave', 'stored'));
    const made = setup({ storage: storage.clone() });
    await settle();
    const [message] = made.client.outbox();
    expect(message && states(message)).toEqual(['bob sent', 'carol delivered', 'dave stored']);
    expect(message?.state).toBe('sent');
    const connection = await comeOnline(made, LISTS);
    await made.clock.advance(6_300);
    expect(connection.take('msg:R')).toMatchObject({ id: 'm1', to: ['bob'] });
    await connection.send(ackN('bob', 'delivered'), ackN('dave', 'delivered'));
    expect(message?.state).toBe('delivered');
    await made.clock.advance(0);
    expect((await made.storage.load()).outbox).toEqual([]);
  });

  test('is not sent to more than the server takes at a time, nor to a server without lists', async () => {
    const { client, connection } = await online({}, { limits: { maxReceivers: 2 } });
    const message = client.send(['bob', 'carol', 'dave'], 'hi');
    await expect(message.settled()).rejects.toMatchObject({ reason: 'too_many_receivers' });
    const old = await online();
    await expect(old.client.send(['bob'], 'hi').settled()).rejects.toMatchObject({
      reason: 'too_many_receivers',
    });
    expect([...connection.takeIds(), ...old.connection.takeIds()]).toEqual([]);
  });

  test('counts for the rate as one packet for ten receivers', async () => {
    const { client, clock, connection } = await online({}, { limits: { maxReceivers: 100, ratePerS: 20 } });
    const hundred = Array.from({ length: 100 }, (_, n) => `user${n}`);
    for (const id of ['m1', 'm2', 'm3']) client.send(hundred, 'hi', { id });
    await settle();
    expect(connection.takeIds()).toEqual(['m1', 'm2']);
    await clock.advance(400);
    expect(connection.takeIds()).toEqual([]);
    await clock.advance(200);
    expect(connection.takeIds()).toEqual(['m3']);
  });

  test('the same id with the same list is the same message, with another one a mistake', async () => {
    const { client } = await online({}, LISTS);
    const message = client.send(['bob', 'carol'], 'hi', { id: 'm1' });
    expect(client.send(['bob', 'carol'], 'hi', { id: 'm1' })).toBe(message);
    expect(() => client.send(['bob'], 'hi', { id: 'm1' })).toThrow(TypeError);
    expect(() => client.send([], 'hi')).toThrow(TypeError);
    expect(() => client.send(['bob', 'bob'], 'hi')).toThrow(TypeError);
  });

  test('can be given up before it is accepted', async () => {
    const { client, connection } = await online({}, LISTS);
    const message = client.send(['bob', 'carol'], 'hi', { id: 'm1' });
    await settle();
    await connection.send(ackN('bob', 'delivered')); // only a part of it was accepted
    expect(message.cancel()).toBe(true);
    expect(states(message)).toEqual(['bob delivered', 'carol failed']);
    connection.takeIds();
    await connection.send(msgA());
    expect(states(message)).toEqual(['bob delivered', 'carol sent']);
  });
});

describe('a message with a time to live', () => {
  test('carries it, and is not sent again between its end and the word of the server', async () => {
    const { client, clock, connection } = await online();
    const message = client.send('bob', 'hi', { id: 'm1', thread: 'group', ttl: 10, read: true });
    await settle();
    const packet = { id: 'm1', to: 'bob', body: 'hi', thread: 'group', ttl: 10, read: true };
    expect(connection.take('msg:R')).toEqual({ type: 'msg:R', ...packet });
    expect(message).toMatchObject({ thread: 'group', ttl: 10, read: true });
    await connection.send(msgA());
    await clock.advance(6_300);
    expect(connection.take('msg:R')).toEqual({ type: 'msg:R', ...packet });
    await clock.advance(73_000);
    expect(connection.takeIds()).toEqual([]);
    await clock.advance(1_000);
    expect(connection.takeIds()).toEqual(['m1']); // its receipt was lost: only another try brings it
    await connection.send(ackN('bob', 'rejected', 'expired'));
    expect(await message.settled()).toBe('rejected');
  });

  test('is not sent again when it ends before the first retransmission', async () => {
    const { client, clock, connection } = await online();
    client.send('bob', 'hi', { id: 'm1', ttl: 1 });
    await settle();
    expect(connection.takeIds()).toEqual(['m1']);
    await connection.send(msgA());
    await clock.advance(70_000);
    expect(connection.takeIds()).toEqual([]);
    await clock.advance(2_000);
    expect(connection.takeIds()).toEqual(['m1']);
  });

  test('its end counts from the first acceptance, also in the next run', async () => {
    const storage = new MemoryStorage();
    const first = await online({ storage });
    first.client.send('bob', 'hi', { id: 'm1', thread: 'group', ttl: 3 });
    await settle();
    await first.connection.send(msgA());
    const made = setup({ storage: storage.clone() });
    const connection = await comeOnline(made);
    await made.clock.advance(72_000);
    expect(connection.takeIds()).toEqual([]);
    await made.clock.advance(2_000);
    expect(connection.take('msg:R')).toMatchObject({ thread: 'group', ttl: 3 });
  });

  test.each([{ ttl: 0 }, { ttl: 0.5 }, { ttl: 2_592_001 }, { thread: '' }, { thread: 'a b' }])(
    'what the server refuses is refused at once: %j',
    async (options) => {
      const { client } = await online();
      expect(() => client.send('bob', 'hi', options)).toThrow(TypeError);
    },
  );
});
