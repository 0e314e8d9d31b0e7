import { describe, expect, test } from 'vitest';
import type { SendOptions } from './send-options.ts';
import type { IncomingMessage } from './incoming/message.ts';
import { settle } from './testing/manual-clock.ts';
import { comeOnline, online, setup } from './testing/setup.ts';
import { MemoryStorage } from './storage/memory.ts';

const AT = 1_800_000_000_500;
const msgA = (id: string) => ({ type: 'msg:A', id, at: AT }) as const;
const ackN = (id: string, state: string, to = 'bob') => ({ type: 'ack:N', id, to, state, at: AT + 1 });
const msgN = (id: string, from = 'bob', body: unknown = 'hi') => ({ type: 'msg:N', id, from, body, at: AT });

describe('the six packets', () => {
  test('a message goes out, is accepted, and its sender is told', async () => {
    const { client, connection } = await online();
    const states: string[] = [];
    const message = client.send('bob', { text: 'hello' }, { id: 'm1', seq: 3 });
    message.onState(({ state }) => states.push(state));
    expect(message.state).toBe('sending');
    await settle();
    expect(connection.take('msg:R')).toEqual({
      type: 'msg:R',
      id: 'm1',
      to: 'bob',
      body: { text: 'hello' },
      seq: 3,
    });
    await connection.send(msgA('m1'));
    expect(await message.accepted()).toBe('sent');
    expect(message.at).toBe(AT);
    await connection.send(ackN('m1', 'delivered'));
    expect(await message.settled()).toBe('delivered');
    expect(message.receiptAt).toBe(AT + 1);
    expect(states).toEqual(['sent', 'delivered']);
    expect(client.outbox()).toEqual([]);
  });

  test('a message comes in, is delivered, and confirmed', async () => {
    const { client, connection } = await online();
    const messages: IncomingMessage[] = [];
    client.onMessage((message) => messages.push(message));
    await connection.send({ ...msgN('m1', 'bob', [1]), seq: 9 });
    expect(messages).toEqual([{ id: 'm1', from: 'bob', body: [1], at: AT, seq: 9 }]);
    expect(connection.take('ack:R')).toEqual({ type: 'ack:R', id: 'm1', from: 'bob' });
    await connection.send({ type: 'ack:A', id: 'm1', from: 'bob' });
    expect(connection.received).toEqual([]);
  });
});

describe('when one of the six packets is lost', () => {
  test('msg:R: it is sent again with the same id after the retransmission timeout', async () => {
    const { client, clock, connection } = await online();
    const message = client.send('bob', 1, { id: 'm1' });
    await settle();
    expect(connection.takeIds()).toEqual(['m1']); // and goes no further
    await clock.advance(6_000);
    expect(connection.takeIds()).toEqual([]);
    await clock.advance(300);
    expect(connection.takeIds()).toEqual(['m1']);
    await connection.send(msgA('m1'), ackN('m1', 'delivered'));
    expect(message.state).toBe('delivered');
  });

  test('msg:A: the ack:N alone settles the message', async () => {
    const { client, clock, connection } = await online();
    const message = client.send('bob', 1, { id: 'm1' });
    await settle();
    await connection.send(ackN('m1', 'delivered'));
    expect(await message.accepted()).toBe('delivered');
    connection.takeIds();
    await clock.advance(100_000);
    expect(connection.takeIds()).toEqual([]);
  });

  test('msg:N: the mailbox brings the message', async () => {
    const { client, connection } = await online();
    const messages: IncomingMessage[] = [];
    client.onMessage((message) => messages.push(message));
    await connection.mailbox({ more: true }); // the hint
    connection.take('offline:R');
    await connection.mailbox({ messages: [{ key: 'k1', ...msgN('m1') }] });
    expect(messages.map(({ id }) => id)).toEqual(['m1']);
    expect(connection.take('offline:A')).toEqual({ type: 'offline:A', keys: ['k1'] });
  });

  test('ack:R: the message comes again, is confirmed again, and not delivered again', async () => {
    const { client, connection } = await online();
    const messages: IncomingMessage[] = [];
    client.onMessage((message) => messages.push(message));
    await connection.send(msgN('m1'));
    connection.take('ack:R'); // and goes no further
    await connection.send(msgN('m1'));
    expect(connection.take('ack:R')).toEqual({ type: 'ack:R', id: 'm1', from: 'bob' });
    expect(messages.length).toBe(1);
  });

  test('ack:A: nothing follows, because nothing waits for it', async () => {
    const { client, clock, connection } = await online();
    client.onMessage(() => undefined);
    await connection.send(msgN('m1'));
    connection.take('ack:R');
    await clock.advance(20_000);
    expect(connection.received).toEqual([]);
  });

  test('ack:N: the message is sent again, and the second ack:N tells', async () => {
    const { client, clock, connection } = await online();
    const message = client.send('bob', 1, { id: 'm1' });
    await settle();
    await connection.send(msgA('m1')); // the ack:N goes no further
    connection.takeIds();
    expect(message.state).toBe('sent');
    await clock.advance(6_300);
    expect(connection.takeIds()).toEqual(['m1']);
    await connection.send({ ...msgA('m1'), at: AT + 6_000 }, ackN('m1', 'delivered'));
    expect(message.state).toBe('delivered');
    expect(message.at).toBe(AT);
  });
});

describe('what becomes of a message', () => {
  test('stored, and delivered later through the mailbox', async () => {
    const { client, connection } = await online();
    const message = client.send('bob', 1, { id: 'm1' });
    await settle();
    await connection.send(msgA('m1'), ackN('m1', 'stored'));
    expect(await message.reached('stored')).toBe('stored');
    expect(client.outbox()).toEqual([message]);
    await connection.mailbox({ more: true });
    connection.take('offline:R');
    await connection.mailbox({ receipts: [{ key: 'r1', ...ackN('m1', 'delivered') }] });
    expect(await message.reached('delivered')).toBe('delivered');
    expect(connection.take('offline:A').keys).toEqual(['r1']);
    expect(client.outbox()).toEqual([]);
  });

  test('rejected, with the reason', async () => {
    const { client, connection } = await online();
    const message = client.send('bob', 1, { id: 'm1' });
    await settle();
    const never = expect(message.reached('delivered')).rejects.toMatchObject({
      ...{ code: 'send', reason: 'mailbox_full', id: 'm1' },
    });
    await connection.send(msgA('m1'), { ...ackN('m1', 'rejected'), reason: 'mailbox_full' });
    expect(message.reason).toBe('mailbox_full');
    await never;
    expect(await message.settled()).toBe('rejected');
  });

  test('a step back is ignored', async () => {
    const { client, connection } = await online();
    const message = client.send('bob', 1, { id: 'm1' });
    await settle();
    await connection.send(ackN('m1', 'delivered'), ackN('m1', 'stored'), msgA('m1'));
    expect(message.state).toBe('delivered');
  });

  test('an ack:N with another receiver is not about this message', async () => {
    const { client, connection } = await online();
    const receipts: unknown[] = [];
    client.onReceipt((receipt) => receipts.push(receipt));
    const message = client.send('bob', 1, { id: 'm1' });
    await settle();
    await connection.send(ackN('m1', 'delivered', 'carol'));
    expect(message.state).toBe('sending');
    expect(receipts).toEqual([{ id: 'm1', to: 'carol', state: 'delivered', at: AT + 1 }]);
  });

  test('stored is no news about a message that is not in the outbox', async () => {
    const { client, connection } = await online();
    const receipts: unknown[] = [];
    client.onReceipt(({ id, state }) => receipts.push(`${id} ${state}`));
    await connection.send(ackN('m1', 'stored'), ackN('m2', 'delivered'), ackN('m3', 'rejected'));
    expect(receipts).toEqual(['m2 delivered', 'm3 rejected']);
  });

  test('onOutgoing sees every change of every message; a listener that throws is reported', async () => {
    const { client, connection, errors } = await online();
    const seen: string[] = [];
    client.onOutgoing(() => {
      throw new Error('mine');
    });
    const unsubscribe = client.onOutgoing(({ id, state }) => seen.push(`${id} ${state}`));
    client.send('bob', 1, { id: 'm1' });
    client.send('bob', 2, { id: 'm2' });
    await settle();
    await connection.send(msgA('m1'), msgA('m2'));
    unsubscribe();
    await connection.send(ackN('m1', 'stored'));
    expect(seen).toEqual(['m1 sent', 'm2 sent']);
    expect(errors.map(({ code }) => code)).toEqual(['listener', 'listener', 'listener']);
  });
});

describe('failed', () => {
  test('when no msg:A came within the deadline; the timeout is over as soon as it comes', async () => {
    const { client, clock, connection } = await online();
    const late = client.send('bob', 1, { id: 'm1', deadlineMs: 3_000 });
    const inTime = client.send('bob', 2, { id: 'm2', deadlineMs: 3_000 });
    await settle();
    await connection.send(msgA('m2'));
    const accepted = late.accepted();
    accepted.catch(() => undefined);
    await clock.advance(3_100);
    expect(late).toMatchObject({ state: 'failed', reason: 'deadline' });
    await expect(accepted).rejects.toMatchObject({ reason: 'deadline' });
    expect(inTime.state).toBe('sent');
  });

  test('is not sent again, also not by the next run', async () => {
    const { client, clock, connection, storage, gateway } = await online();
    const message = client.send('bob', 1, { id: 'm1' });
    await settle();
    expect(message.cancel()).toBe(true);
    expect(message.reason).toBe('cancelled');
    connection.takeIds();
    await clock.advance(20_000);
    expect(connection.takeIds()).toEqual([]);
    await connection.close(1006);
    await clock.advance(1_000);
    const next = await comeOnline({ gateway });
    expect(next.takeIds()).toEqual([]);
    expect((await storage.load()).outbox).toEqual([]);
  });

  test('can be sent again under the same id', async () => {
    const { client, connection } = await online();
    const message = client.send('bob', { a: 1 }, { id: 'm1' });
    await settle();
    expect(message.retry()).toBe(false);
    message.cancel();
    connection.takeIds();
    expect(message.retry()).toBe(true);
    expect(message).toMatchObject({ state: 'sending', reason: undefined });
    await settle();
    expect(connection.take('msg:R')).toMatchObject({ id: 'm1', body: { a: 1 } });
    await connection.send(msgA('m1'));
    expect(message.state).toBe('sent');
    expect(message.cancel()).toBe(false);
  });

  test('gives way to the truth: a late msg:A, which is followed up to its ack:N', async () => {
    const { client, clock, connection, storage } = await online();
    const message = client.send('bob', 1, { id: 'm1' });
    await settle();
    message.cancel();
    await connection.send(msgA('m1'));
    expect(message).toMatchObject({ state: 'sent', reason: undefined });
    expect((await storage.load()).outbox).toMatchObject([{ id: 'm1', acceptedAt: AT }]);
    expect(connection.takeIds()).toEqual(['m1']); // that was before it was given up
    await clock.advance(6_300);
    expect(connection.takeIds()).toEqual(['m1']); // no ack:N: it is asked for
    await connection.send(ackN('m1', 'delivered'));
    expect(message.state).toBe('delivered');
    expect((await storage.load()).outbox).toEqual([]);
  });

  test('gives way to the truth: a late ack:N', async () => {
    const { client, connection } = await online();
    const message = client.send('bob', 1, { id: 'm1' });
    await settle();
    message.cancel();
    await connection.send(ackN('m1', 'stored'));
    expect(message.state).toBe('stored');
  });

  test('when the server refuses it permanently, with its code; also a code that this client does not know', async () => {
    const { client, clock, connection, errors } = await online();
    const one = client.send('bob', 1, { id: 'm1' });
    const two = client.send('bob', 2, { id: 'm2' });
    await settle();
    const error = (code: string, id: string) => ({
      type: 'error',
      code,
      message: 'no',
      re: { type: 'msg:R', id },
    });
    await connection.send(error('bad_packet', 'm1'), error('forbidden', 'm2'));
    expect(one).toMatchObject({ state: 'failed', reason: 'bad_packet' });
    expect(two).toMatchObject({ state: 'failed', reason: 'forbidden' });
    expect(errors.map(({ serverCode }) => serverCode)).toEqual(['bad_packet', 'forbidden']);
    connection.takeIds();
    await clock.advance(60_000);
    expect(connection.takeIds()).toEqual([]);
  });

  test('never after msg:A: a refused retransmission only ends the retransmissions', async () => {
    const { client, clock, connection } = await online();
    const message = client.send('bob', 1, { id: 'm1' });
    await settle();
    const refused = { type: 'error', code: 'forbidden', message: 'no', re: { type: 'msg:R', id: 'm1' } };
    await connection.send(msgA('m1'), refused);
    expect(message.state).toBe('sent');
    connection.takeIds();
    await clock.advance(60_000);
    expect(connection.takeIds()).toEqual([]);
    await connection.send(ackN('m1', 'delivered'));
    expect(message.state).toBe('delivered');
  });

  test('not for ever: a try whose msg:A was lost, before one that is refused, was accepted after all', async () => {
    const made = await online();
    const message = made.client.send('bob', 1, { id: 'm1' });
    await settle();
    await made.connection.close(1006);
    await made.clock.advance(1_000);
    const connection = await comeOnline(made);
    expect(connection.takeIds()).toEqual(['m1']);
    const re = { type: 'msg:R', id: 'm1' };
    await connection.send({ type: 'error', code: 'forbidden', message: 'no', re });
    expect(message).toMatchObject({ state: 'failed', reason: 'forbidden' });
    await connection.send(ackN('m1', 'delivered'));
    expect(message.state).toBe('delivered');
  });

  test('when it is larger than the server takes, without the server closing the connection over it', async () => {
    const { client, connection } = await online({}, { limits: { maxPacketBytes: 200 } });
    const fits = client.send('bob', 'x'.repeat(140), { id: 'm1' });
    const wide = client.send('bob', 'ä'.repeat(140), { id: 'm2' });
    await settle();
    expect(connection.takeIds()).toEqual(['m1']);
    expect(fits.state).toBe('sending');
    expect(wide).toMatchObject({ state: 'failed', reason: 'too_large' });
  });

  test('when storage does not take it: what is not written is not sent', async () => {
    const storage = new MemoryStorage();
    const { client, connection, errors } = await online({ storage });
    const cause = new Error('disk full');
    storage.write = () => Promise.reject(cause);
    const message = client.send('bob', 1, { id: 'm1' });
    await settle();
    expect(message).toMatchObject({ state: 'failed', reason: 'storage' });
    expect(connection.takeIds()).toEqual([]);
    expect(errors.every(({ code }) => code === 'storage')).toBe(true);
  });

  test('when the outbox is full', async () => {
    const { client, connection } = await online({ tuning: { maxOutbox: 2 } });
    const messages = [1, 2, 3].map((n) => client.send('bob', n, { id: `m${n}` }));
    await settle();
    expect(connection.takeIds()).toEqual(['m1', 'm2']);
    expect(messages[2]).toMatchObject({ state: 'failed', reason: 'outbox_full' });
    await connection.send(ackN('m1', 'delivered'));
    expect(messages[2]?.retry()).toBe(true);
    await settle();
    expect(connection.takeIds()).toEqual(['m3']);
  });
});

describe('send', () => {
  const refused: [field: string, to: string, body: unknown, options: SendOptions][] = [
    ['to', 'a b', 1, {}],
    ['to', '', 1, {}],
    ['id', 'bob', 1, { id: 'a.b' }],
    ['seq', 'bob', 1, { seq: -1 }],
    ['seq', 'bob', 1, { seq: 1.5 }],
    ['body', 'bob', undefined, {}],
    ['body', 'bob', () => 1, {}],
  ];
  test.each(refused)('refuses what the server would refuse: %s', (field, to, body, options) => {
    const { client } = setup();
    expect(() => client.send(to, body, options)).toThrow(new RegExp(`^${field}: `));
  });

  test('the body is what it was when it was sent', async () => {
    const { client, connection } = await online();
    const body = { text: 'before' };
    client.send('bob', body);
    body.text = 'after';
    await settle();
    expect(connection.take('msg:R').body).toEqual({ text: 'before' });
  });

  test('the same id again is the same message; with another content it is a mistake', async () => {
    const { client, connection } = await online();
    const message = client.send('bob', 1, { id: 'm1' });
    expect(client.send('bob', 1, { id: 'm1' })).toBe(message);
    expect(() => client.send('bob', 2, { id: 'm1' })).toThrow(TypeError);
    expect(() => client.send('carol', 1, { id: 'm1' })).toThrow(TypeError);
    await settle();
    expect(connection.takeIds()).toEqual(['m1']);
    message.cancel();
    expect(client.send('bob', 1, { id: 'm1' }).state).toBe('sending');
  });

  test('makes ids of its own, all different and within the rule', () => {
    const { client } = setup();
    const ids = Array.from({ length: 1000 }, () => client.send('bob', 1).id);
    expect(new Set(ids).size).toBe(1000);
    for (const id of ids) expect(id).toMatch(/^[A-Za-z0-9_-]{1,64}$/);
  });
});

describe('close', () => {
  test('waits for msg:A of what is under way, and for ack:A, but not for ack:N', async () => {
    const { client, clock, connection } = await online();
    client.onMessage(() => undefined);
    const message = client.send('bob', 1, { id: 'm1' });
    await connection.send(msgN('m7'));
    let closed = false;
    const closing = client.close({ flushMs: 5_000 }).then(() => (closed = true));
    await settle();
    await connection.send(msgA('m1'));
    expect(connection.closedByClient).toBeUndefined();
    await connection.send({ type: 'ack:A', id: 'm7', from: 'bob' });
    expect(connection.closedByClient).toBe(1000);
    await closing;
    expect(closed).toBe(true);
    expect(message.state).toBe('sent');
    expect(clock.pending).toBe(0);
  });

  test('waits for a handler that is at work, and confirms its message', async () => {
    const { client, connection } = await online();
    let end: () => void = () => undefined;
    const handled: string[] = [];
    client.onMessage(({ id }) => {
      handled.push(id);
      return new Promise<void>((resolve) => (end = resolve));
    });
    await connection.send(msgN('m1'), msgN('m2'));
    const closing = client.close({ flushMs: 5_000 });
    await settle();
    end();
    await settle();
    expect(connection.takeAll('ack:R').map(({ id }) => id)).toEqual(['m1']);
    await connection.send({ type: 'ack:A', id: 'm1', from: 'bob' });
    await closing;
    expect(handled).toEqual(['m1']); // the other one is left to the server
  });

  test('waits no longer than flushMs, and keeps in storage what was not accepted', async () => {
    const { client, clock, connection, storage } = await online();
    const message = client.send('bob', 1, { id: 'm1' });
    await settle();
    const waiting = expect(message.settled()).rejects.toMatchObject({ code: 'closed' });
    const closing = client.close({ flushMs: 1_500 });
    await clock.advance(1_499);
    expect(connection.closedByClient).toBeUndefined();
    await clock.advance(1);
    await closing;
    await waiting;
    expect(connection.closedByClient).toBe(1000);
    expect((await storage.load()).outbox).toMatchObject([{ id: 'm1' }]);
    expect(clock.pending).toBe(0);
    expect(() => client.send('bob', 2)).toThrow('closed');
    expect(client.status).toEqual({ state: 'closed', reason: 'by_caller' });
  });

  test('leaves no timer behind, in whatever state it comes', async () => {
    const early = setup();
    await early.client.close();
    expect(early.clock.pending).toBe(0);
    expect(early.gateway.connections.length).toBe(0);

    const connecting = setup();
    await settle();
    const closing = connecting.client.close();
    await settle();
    await closing;
    expect(connecting.clock.pending).toBe(0);

    const waiting = await online();
    await waiting.connection.close(1006);
    expect(waiting.client.status.state).toBe('waiting');
    await waiting.client.close();
    expect(waiting.clock.pending).toBe(0);
  });

  test('does not wait for ever for a gateway that does not answer the close', async () => {
    const { client, clock, connection } = await online();
    connection.dead = true;
    const closing = client.close();
    await clock.advance(1_000);
    await closing;
    expect(clock.pending).toBe(0);
  });

  test('a second close is the first', async () => {
    const { client } = await online();
    expect(client.close()).toBe(client.close());
    await client.close();
    await expect(client.connected()).rejects.toMatchObject({ code: 'closed' });
  });
});
